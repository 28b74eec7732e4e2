"""Switches off the telemetry of the libraries Assay stands on: nothing calls home.

It is switched off by environment variables, which the libraries read when they are imported, so
``switch_off`` runs before any of them is. A variable the user has set is left as it is.
"""

from __future__ import annotations

import os

OFF: dict[str, str] = {
    "DO_NOT_TRACK": "1",  # the common convention (consoledonottrack.com)
    "HF_HUB_DISABLE_TELEMETRY": "1",  # huggingface_hub, and through it transformers, peft, trl
    "DISABLE_TELEMETRY": "1",  # the older name that huggingface_hub also reads
    "TRL_DISABLE_TELEMETRY": "1",
    "GRADIO_ANALYTICS_ENABLED": "False",  # trackio's dashboard
    "WANDB_ERROR_REPORTING": "false",
    "WANDB_DISABLE_GIT": "true",  # the sink is asked for; the repository's state is not
    "WANDB_DISABLE_CODE": "true",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "RAY_USAGE_STATS_ENABLED": "0",
    "VLLM_NO_USAGE_STATS": "1",
}


def switch_off() -> None:
    """Set every variable of ``OFF`` that the user has not set."""
    for name, value in OFF.items():
        os.environ.setdefault(name, value)
