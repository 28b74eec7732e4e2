"""Answers that take more than a label: sums, programs, words of a paragraph, meetings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from shipped.card import CC_BY, Card, Row, Splits, hashed

GSM8K = """\
GSM8K, copyright 2021 OpenAI.
Source: https://github.com/openai/grade-school-math
Commit: 3101c7d5072418e28b9008a6636bde82a006892c
Licence: MIT License, https://opensource.org/licenses/MIT
Cite: Cobbe et al.: Training Verifiers to Solve Math Word Problems, 2021, arXiv:2110.14168
"""
QMSUM = """\
QMSum, copyright 2021 Yale LILY Lab.
Source: https://github.com/Yale-LILY/QMSum
Commit: 83d7768c1f2b4dfeb091385d3dc7e239b8e5bb7e
Licence: MIT License, https://opensource.org/licenses/MIT
Cite: Zhong et al.: QMSum: A New Benchmark for Query-based Multi-domain Meeting Summarization, 2021,
arXiv:2104.05938
"""
MBPP = f"""\
Mostly Basic Python Problems (MBPP), copyright Google.
Source: https://github.com/deepseek-ai/DeepSeek-Coder (Evaluation/MBPP/data/mbpp.jsonl), a copy of
https://github.com/google-research/google-research/tree/master/mbpp
Commit: 2f9fd85927c669dae3c0fbb2d607274023af243e
{CC_BY}
Cite: Austin et al.: Program Synthesis with Large Language Models, 2021, arXiv:2108.07732
"""
XQUAD = """\
XQuAD, the {part}: paragraphs and questions of SQuAD 1.1's development set, Google and Stanford.
Source: https://github.com/google-deepmind/xquad
Commit: 60cac411649156efb6aab9dd4c9cde787a2c0345
Licence: Creative Commons Attribution-ShareAlike 4.0 International (CC BY-SA 4.0),
https://creativecommons.org/licenses/by-sa/4.0/legalcode
Cite: Artetxe, Ruder, Yogatama: On the Cross-lingual Transferability of Monolingual Representations,
2020, arXiv:1910.11856; Rajpurkar et al.: SQuAD, 2016, arXiv:1606.05250
"""
ARTICLES = {"test": 14, "validation": 6}  # of 48; the others are train
TRAIN = 3000  # of GSM8K's 7,473 rows
_SUM = re.compile(r"<<[^<>]*>>")  # what a calculator was asked
_NOISE = re.compile(r"\{\s*\w+\s*\}|<\w+>")  # {vocalsound}, {disfmarker}
LONGEST = 2500  # characters of a passage
_ORDER = re.compile(
    r"write an? (?:python )?function (?:(?:to|for) |(?=that |which ))", re.IGNORECASE
)


def sums(source: Path, split: str) -> list[Row]:
    """The official rows, without the annotations for a calculator."""
    path = source / "gsm8k" / "grade_school_math" / "data" / f"{split}.jsonl"
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [{"question": r["question"], "answer": _SUM.sub("", r["answer"])} for r in rows]


def build_sums(source: Path) -> Splits:
    """The first rows of the official training split, and the whole official test."""
    return {"train": sums(source, "train")[:TRAIN], "test": sums(source, "test")}


def description(problem: str) -> str:
    """What the program does, without the order to write it; empty where there is no such order."""
    said = " ".join(problem.split())
    order = _ORDER.match(said)
    rest = re.sub(r"^(?:that|which) ", "", said[order.end() :]) if order else ""
    return rest[:1].upper() + rest[1:]


NUMBERS = {"train": range(601, 975), "validation": range(511, 601), "test": range(11, 511)}


def problems(source: Path, split: str) -> list[Row]:
    """MBPP's problems of an official split; 1 to 10 are examples for prompts, and left out."""
    path = source / "mbpp_humanevalx_leetcode" / "Evaluation" / "MBPP" / "data" / "mbpp.jsonl"
    found: list[Row] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        task = json.loads(line)
        code = task["code"].replace("\r\n", "\n").replace("\t", "    ").strip()
        tests = [task["test_setup_code"], *task["test_list"]]
        row = {
            "text": task["text"],
            "code": "\n".join(part.rstrip() for part in code.split("\n")),
            "tests": [test.replace("\r\n", "\n") for test in tests if test.strip()],
            "example": task["test_list"][0],
            "task": task["task_id"],
        }
        if task["task_id"] in NUMBERS[split]:
            found.append(row)
    return found


def programs(source: Path) -> Splits:
    """Each problem with its first test, and a program."""
    return {
        split: [
            {
                "problem": f"{row['text'].strip()}\n{row['example']}",
                "code": row["code"],
                "tests": row["tests"],
                "description": description(row["text"]),
                "task": row["task"],
            }
            for row in problems(source, split)
        ]
        for split in NUMBERS
    }


def articles(source: Path, language: str) -> list[dict[str, Any]]:
    """The articles, which are the same and in the same order in every language."""
    path = source / "xquad" / f"xquad.{language}.json"
    return json.loads(path.read_text(encoding="utf-8"))["data"]


def questions(source: Path, language: str = "en") -> Splits:
    """English questions about paragraphs in ``language``, whose words answer them.

    Whole articles go to one split: those whose titles hash smallest to the test.
    """
    pairs = zip(articles(source, language), articles(source, "en"), strict=True)
    splits: Splits = {"train": [], "validation": [], "test": []}
    for place, (article, english) in enumerate(sorted(pairs, key=lambda p: hashed(p[0]["title"]))):
        test, held_out = ARTICLES["test"], sum(ARTICLES.values())
        name = "test" if place < test else "validation" if place < held_out else "train"
        for paragraph, same in zip(article["paragraphs"], english["paragraphs"], strict=True):
            for answered, asked in zip(paragraph["qas"], same["qas"], strict=True):
                if answered["id"] != asked["id"]:
                    raise ValueError(f"xquad.{language}.json: {answered['id']} is out of order")
                splits[name].append(
                    {
                        "text": f"{paragraph['context'].strip()}\n\n{asked['question'].strip()}",
                        "answer": answered["answers"][0]["text"].strip(),
                        "article": article["title"].replace("_", " "),
                    }
                )
    return splits


def meetings(source: Path, split: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """(domain, meeting) of a split; one domain's training meetings are a file each."""
    for domain in ("Academic", "Committee", "Product"):
        folder = source / "qmsum" / "data" / domain
        listed = folder / "jsonl" / f"{split}.jsonl"
        if listed.is_file():
            texts = listed.read_text(encoding="utf-8").splitlines()
        else:
            texts = [p.read_text(encoding="utf-8") for p in sorted((folder / split).glob("*.json"))]
        for text in texts:
            yield domain.lower(), json.loads(text)


def asked(domain: str, meeting: dict[str, Any]) -> Iterator[Row]:
    """The specific questions whose passage is short enough, with the turns that answer them."""
    turns: list[dict[str, str]] = meeting["meeting_transcripts"]
    for question in meeting["specific_query_list"]:
        lines: list[str] = []
        for first, last in question["relevant_text_span"]:
            for turn in turns[int(first) : int(last) + 1]:
                said = " ".join(_NOISE.sub(" ", turn["content"]).split())
                if re.search(r"\w", said):
                    lines.append(f"{turn['speaker']}: {said}")
        passage = "\n".join(lines)
        if lines and len(passage) <= LONGEST:
            yield {
                "passage": f"{passage}\n\n{' '.join(question['query'].split())}",
                "summary": " ".join(question["answer"].split()),
                "domain": domain,
            }


def build_meetings(source: Path) -> Splits:
    """The official splits, which are by meeting."""
    return {
        name: [row for domain, one in meetings(source, split) for row in asked(domain, one)]
        for name, split in (("train", "train"), ("validation", "val"), ("test", "test"))
    }


CARDS = {
    "gsm8k": Card(
        "MIT",
        GSM8K,
        "Word problems of grade-school mathematics with worked answers that end in"
        f" `#### NUMBER`: the first {TRAIN:,} rows of the official training split, and the whole"
        " official test.",
        {"question": "the problem", "answer": "the steps, then `#### ` and the number"},
        "Calculator annotations (`<<48/2=24>>`) were taken out of the answers.",
        build=build_sums,
    ),
    "mbpp": Card(
        "CC-BY-4.0",
        MBPP,
        "Problems for beginners in Python, each with a program and three tests: the official splits.",
        {
            "problem": "what the program must do, and below it the first of its tests, which says"
            " how it is called",
            "code": "a program that passes",
            "tests": "list of Python statements: imports they need, then the assertions",
            "description": 'what the program does: the problem without "Write a function to"; empty'
            " for the five that begin otherwise",
            "task": "the number of the problem in the original",
        },
        "Line ends and tabs became uniform; the first test was put below the problem. The column"
        " `description` was made from the problem.",
        build=programs,
    ),
    "xquad-en": Card(
        "CC-BY-SA-4.0",
        XQUAD.format(part="English part"),
        "Questions about paragraphs of Wikipedia, answered with words of the paragraph. **This folder is"
        " share-alike: what is made from its rows and passed on must have the same licence.**",
        {
            "text": "the paragraph, then an empty line and the question",
            "answer": "the answer as the paragraph has it",
            "article": "the article's title",
        },
        "JSON became JSONL. There is no official split: of 48 articles the 14 whose titles have the"
        " smallest SHA-256 are the test, the next 6 validation.",
        build=questions,
    ),
    "xquad-de": Card(
        "CC-BY-SA-4.0",
        XQUAD.format(part="German paragraphs and English questions"),
        "English questions about German paragraphs, answered with words of the paragraph: what"
        " professional translators made of paragraphs of Wikipedia. Rows and splits are those of"
        " `xquad-en`, in another language. **This folder is share-alike: what is made from its rows and"
        " passed on must have the same licence.**",
        {
            "text": "the German paragraph, then an empty line and the English question",
            "answer": "the answer as the German paragraph has it",
            "article": "the article's title, in English",
        },
        "JSON became JSONL; the paragraphs of one language were put with the questions of another. There"
        " is no official split: of 48 articles the 14 whose titles have the smallest SHA-256 are the"
        " test, the next 6 validation.",
        build=lambda source: questions(source, "de"),
    ),
    "qmsum": Card(
        "MIT",
        QMSUM,
        "Questions about meetings (of researchers, parliamentary committees and product teams)"
        " with the passage that answers each and a summary: the official splits, which are by"
        " meeting. **The passage is given; finding it in the transcript is not a part of this.**",
        {
            "passage": "what was said, a turn a line, then an empty line and the question",
            "summary": "the answer",
            "domain": "`academic`, `committee` or `product`",
        },
        f"Only specific questions whose passage has at most {LONGEST:,} characters. Marks such as"
        " `{vocalsound}` are gone, and space was made single.",
        build=build_meetings,
    ),
}
