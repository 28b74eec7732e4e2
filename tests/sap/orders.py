"""One small service of orders, written as EDMX and as OpenAPI, in both versions of OData."""

from __future__ import annotations

from typing import Any

V2 = """<?xml version="1.0" encoding="utf-8"?>
<edmx:Edmx Version="1.0" xmlns:edmx="http://schemas.microsoft.com/ado/2007/06/edmx"
  xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"
  xmlns:sap="http://www.sap.com/Protocols/SAPData">
<edmx:DataServices m:DataServiceVersion="2.0">
<Schema Namespace="API_ORDER" xmlns="http://schemas.microsoft.com/ado/2008/09/edm">
 <EntityType Name="OrderType">
  <Key><PropertyRef Name="Order"/></Key>
  <Property Name="Order" Type="Edm.String" Nullable="false" MaxLength="10" sap:label="Order"
    sap:quickinfo="Number of the order"/>
  <Property Name="Date" Type="Edm.DateTime" sap:display-format="Date" sap:updatable="false"/>
  <Property Name="Changed" Type="Edm.DateTime" sap:creatable="false" sap:updatable="false"/>
  <Property Name="Net" Type="Edm.Decimal" Precision="16" Scale="3" sap:unit="Currency"/>
  <Property Name="Rate" Type="Edm.Decimal" Precision="9" sap:variable-scale="true"/>
  <Property Name="Currency" Type="Edm.String" MaxLength="5"/>
  <Property Name="YY1_Shop_SDH" Type="Edm.String" MaxLength="Max"/>
  <Property Name="Ship" Type="API_ORDER.Address"/>
  <NavigationProperty Name="to_Item" Relationship="API_ORDER.assoc" FromRole="Head" ToRole="Items"/>
 </EntityType>
 <EntityType Name="ItemType">
  <Key><PropertyRef Name="Order"/><PropertyRef Name="Item"/></Key>
  <Property Name="Order" Type="Edm.String" Nullable="false"/>
  <Property Name="Item" Type="Edm.String" Nullable="false"/>
  <NavigationProperty Name="to_Order" Relationship="API_ORDER.assoc" FromRole="Items" ToRole="Head"/>
 </EntityType>
 <ComplexType Name="Address"><Property Name="City" Type="Edm.String"/></ComplexType>
 <Association Name="assoc">
  <End Type="API_ORDER.OrderType" Multiplicity="1" Role="Head"/>
  <End Type="API_ORDER.ItemType" Multiplicity="*" Role="Items"/>
  <ReferentialConstraint>
   <Principal Role="Head"><PropertyRef Name="Order"/></Principal>
   <Dependent Role="Items"><PropertyRef Name="Order"/></Dependent>
  </ReferentialConstraint>
 </Association>
 <EntityContainer Name="C" m:IsDefaultEntityContainer="true">
  <EntitySet Name="A_Order" EntityType="API_ORDER.OrderType" sap:deletable="false"/>
  <EntitySet Name="A_Item" EntityType="API_ORDER.ItemType" sap:creatable="false"
    sap:updatable-path="Locked"/>
  <FunctionImport Name="Release" ReturnType="API_ORDER.OrderType" m:HttpMethod="POST"
    sap:action-for="API_ORDER.OrderType">
   <Parameter Name="Order" Type="Edm.String" Mode="In" MaxLength="10"/>
  </FunctionImport>
 </EntityContainer>
 <atom:link rel="self" href="https://host:1/sap/opu/odata/sap/API_ORDER;v=0002/$metadata"
  xmlns:atom="http://www.w3.org/2005/Atom"/>
</Schema></edmx:DataServices></edmx:Edmx>"""

V4 = """<edmx:Edmx Version="4.0" xmlns:edmx="http://docs.oasis-open.org/odata/ns/edmx"
  xmlns="http://docs.oasis-open.org/odata/ns/edm">
<edmx:Reference Uri="x"><edmx:Include Namespace="Org.OData.Core.V1" Alias="SAP__core"/>
 <edmx:Include Namespace="com.sap.vocabularies.Common.v1" Alias="SAP__common"/>
 <edmx:Include Namespace="Org.OData.Measures.V1" Alias="SAP__measures"/>
 <edmx:Include Namespace="Org.OData.Capabilities.V1" Alias="Can"/></edmx:Reference>
<edmx:DataServices><Schema Namespace="com.sap.gateway.srvd_a2x.api_order.v0001" Alias="SAP__self">
 <TypeDefinition Name="Quantity" UnderlyingType="Edm.Decimal" Precision="13" Scale="3"/>
 <EnumType Name="Status"><Member Name="Open"/></EnumType>
 <EntityType Name="Base_Type" Abstract="true"><Key><PropertyRef Name="Order"/></Key>
  <Property Name="Order" Type="Edm.String" Nullable="false" MaxLength="10"/></EntityType>
 <EntityType Name="Order_Type" BaseType="SAP__self.Base_Type">
  <Property Name="Created" Type="Edm.Date"/>
  <Property Name="Kind" Type="Edm.String"/>
  <Property Name="Weight" Type="SAP__self.Quantity"/>
  <Property Name="State" Type="SAP__self.Status"/>
  <Property Name="Price" Type="Edm.Decimal" Precision="11" Scale="variable"/>
  <Property Name="Count" Type="Edm.Decimal" Precision="5"/>
  <Property Name="Notes" Type="Collection(SAP__self.Note)" Nullable="false"/>
  <NavigationProperty Name="_Item" Type="Collection(SAP__self.Item_Type)" Partner="_Order"/>
 </EntityType>
 <EntityType Name="Item_Type"><Key><PropertyRef Name="Order"/></Key>
  <Property Name="Order" Type="Edm.String" Nullable="false"/>
  <NavigationProperty Name="_Order" Type="SAP__self.Order_Type" Nullable="false">
   <ReferentialConstraint Property="Order" ReferencedProperty="Order"/></NavigationProperty>
 </EntityType>
 <ComplexType Name="Note"><Property Name="Text" Type="Edm.String"/></ComplexType>
 <Action Name="Approve" IsBound="true"><Parameter Name="_it" Type="SAP__self.Order_Type"/>
  <Parameter Name="Reason" Type="Edm.String"/><ReturnType Type="SAP__self.Order_Type"/></Action>
 <Function Name="Next"><ReturnType Type="Edm.String"/></Function>
 <EntityContainer Name="Container">
  <EntitySet Name="Order" EntityType="SAP__self.Order_Type"/>
  <EntitySet Name="Item" EntityType="SAP__self.Item_Type"/>
 </EntityContainer>
 <Annotations Target="SAP__self.Order_Type/Created">
  <Annotation Term="SAP__core.Computed"/><Annotation Term="SAP__common.Label" String="Created On"/>
 </Annotations>
 <Annotations Target="SAP__self.Order_Type/Kind"><Annotation Term="SAP__core.Immutable"/></Annotations>
 <Annotations Target="SAP__self.Order_Type/Weight">
  <Annotation Term="SAP__measures.Unit" Path="Kind"/><Annotation Term="SAP__core.Computed" Bool="false"/>
 </Annotations>
 <Annotations Target="SAP__self.Container/Order">
  <Annotation Term="Can.DeleteRestrictions"><Record>
   <PropertyValue Property="Deletable" Bool="false"/></Record></Annotation>
  <Annotation Term="Can.UpdateRestrictions"><Record>
   <PropertyValue Property="Updatable" Path="__UpdateControl"/>
   <PropertyValue Property="NonUpdatableProperties"><Collection>
    <PropertyPath>Weight</PropertyPath></Collection></PropertyValue></Record></Annotation>
 </Annotations>
</Schema></edmx:DataServices></edmx:Edmx>"""


def ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def reads(schema: dict[str, Any]) -> dict[str, Any]:
    return {"200": {"content": {"application/json": {"schema": schema}}}}


def many(name: str) -> dict[str, Any]:
    return {"type": "object", "properties": {"results": {"type": "array", "items": ref(name)}}}


ORDER = {
    "Order": {"type": "string", "maxLength": 10, "title": "Order"},
    "Day": {"type": "string", "nullable": True, "example": "/Date(1492041600000)/"},
    "Moment": {"type": "string", "nullable": True, "example": "/Date(1492098664000)/"},
    "Instant": {"type": "string", "nullable": True, "example": "/Date(1492098664000+0000)/"},
    "Time": {"type": "string", "nullable": True, "example": "PT15H51M04S"},
    "Net": {"type": "string", "format": "decimal", "x-sap-precision": 15, "x-sap-scale": 3},
    "Blocked": {"type": "boolean", "nullable": True},
    "Id": {"type": "string", "format": "uuid"},
    "YY1_Shop_SDH": {"type": "string", "maxLength": 4, "description": "The shop"},
}
OPENAPI_V2: dict[str, Any] = {
    "openapi": "3.0.0",
    "info": {"title": "Orders ", "version": "1.0.0", "description": "All about orders."},
    "x-sap-api-type": "ODATA",
    "x-sap-software-min-version": "2402",
    "servers": [{"url": "https://{host}:{port}/sap/opu/odata/sap/API_ORDER;v=0002"}],
    "paths": {
        "/A_Order": {
            "get": {"responses": reads({"properties": {"d": many("A_Order")}})},
            "post": {"requestBody": ref("CreateA_Order"), "responses": {}},
        },
        "/A_Order('{Order}')": {
            "get": {"responses": reads({"properties": {"d": ref("A_Order")}})},
            "patch": {"responses": {}},
        },
        "/A_Order('{Order}')/to_Item": {
            "get": {"responses": reads({"properties": {"d": many("A_Item")}})},
            "delete": {"responses": {}},
        },
        "/Release": {
            "post": {
                "parameters": [
                    {"name": "Order", "in": "query", "required": True,
                     "schema": {"type": "string", "maxLength": 12}},
                    {"name": "$format", "in": "query", "schema": {"type": "string"}},
                ],
                "responses": reads({"properties": {"d": ref("A_Order")}}),
            }
        },
        "/$batch": {"post": {"responses": {}}},
    },
    "components": {
        "schemas": {
            "A_Order": {"title": "Order", "properties": {
                **ORDER, "to_Item": many("A_Item"), "to_First": {"nullable": True, "allOf": [ref("A_Item")]},
                "Ship": ref("Address")}},
            "CreateA_Order": {"properties": {k: v for k, v in ORDER.items() if k != "Day"}},
            "UpdateA_Order": {"properties": {"Net": ORDER["Net"]}},
            "A_Item": {"properties": {"Item": {"type": "string", "maxLength": 5},
                                      "to_Order": ref("A_Order")}},
            "Address": {"properties": {"City": {"type": "string"}}},
            "A_OrderOrderByOptions": {"type": "array"},
            "count": {"properties": {"x": {"type": "string"}}},
            "error": {"properties": {"x": {"type": "string"}}},
        }
    },
}  # fmt: skip
DECIMAL = {"anyOf": [{"type": "number"}, {"type": "string"}], "format": "decimal"}
OPENAPI_V4: dict[str, Any] = {
    "openapi": "3.0.0",
    "info": {"title": "Orders"},
    "x-sap-api-type": "ODATAV4",
    "x-sap-stateInfo": {"state": "Deprecated"},
    "servers": [{"url": "https://{host}/sap/opu/odata4/sap/api_order/srvd_a2x/sap/order/0001"}],
    "paths": {
        "/OrderSet": {
            "get": {"responses": reads({"properties": {"value": {"type": "array", "items": ref("Order")}}})}
        },
        "/OrderSet/{order}/{Line}": {"get": {"responses": reads(ref("Order"))}, "delete": {}},
        "/OrderSet/{order}/{Line}/SAP__self.Approve": {"post": {"responses": reads(ref("Order"))}},
        "/OrderSet/{order}/{Line}/_Item": {"post": {}},
    },
    "components": {
        "schemas": {
            "Order": {"properties": {
                "Order": {"type": "string"}, "Line": {"type": "integer", "format": "int16"},
                "Day": {"type": "string", "format": "date"}, "At": {"type": "string", "format": "time"},
                "Price": {**DECIMAL, "x-sap-precision": 15},
                "Parts": {**DECIMAL, "x-sap-precision": 1, "multipleOf": 1},
                "SAP__Messages": {"type": "array", "items": ref("SAP__Message")},
                "_Item": {"type": "array", "items": ref("Item")}}},
            "Item": {"properties": {"Item": {"type": "string"}}},
            "SAP__Message": {"properties": {"code": {"type": "string"}}},
            "CreateSAP__Message": {"properties": {"code": {"type": "string"}}},
        }
    },
}  # fmt: skip
