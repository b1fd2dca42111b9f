"""Marks in every vLLM server of an environment, as an entry point of the group ``vllm.logits_processors``.

    pip install . ./packaging/gauger-vllm

vLLM has one group for both its model runners, and chooses between them by the server's configuration. Written for
vLLM 0.33.
"""

from __future__ import annotations

from typing import Any

from gauger.edge.marking import vllm, vllm_v2
from gauger.errors import ConfigError


class Marking(vllm_v2.Marking):
    """The marking of whichever model runner asks.

    Raises:
        ConfigError: as theirs; and where the first runner schedules ahead, for it tells only processors that it was
            given by name which tokens it drew.
    """

    def __new__(cls, vllm_config: Any, *runner: Any) -> Any:
        """The second runner adds the state of its requests; the first a device, and whether memory is pinned."""
        if len(runner) == 1:
            return super().__new__(cls)
        if vllm_config.scheduler_config.async_scheduling and not vllm_config.model_config.logits_processors:
            raise ConfigError(
                "marking: installed as an entry point, this needs vLLM's second model runner: unset "
                "VLLM_USE_V2_MODEL_RUNNER, or serve with --no-async-scheduling"
            )
        return vllm.Marking(vllm_config, *runner)
