"""The words of this app: kinds of providers, what can be asked of them, how calls end."""

from __future__ import annotations

from enum import StrEnum

from apps.core.permissions import Permission


class ProviderKind(StrEnum):
    OPENAI = "openai"
    ANTHROPIC = "anthropic"
    AZURE_OPENAI = "azure_openai"
    GEMINI = "gemini"
    VLLM = "vllm"
    TGI = "tgi"
    SGLANG = "sglang"
    OLLAMA = "ollama"
    LLAMA_CPP = "llama_cpp"
    OPENAI_COMPATIBLE = "openai_compatible"
    LOCAL = "local"
    """A small real model in a child process of ours."""
    SIMULATED = "simulated"
    """No model at all: answers made up by rule, and it says so."""


class Operation(StrEnum):
    """What a call asks for."""

    CHAT = "chat"
    COMPLETION = "completion"
    EMBEDDINGS = "embeddings"
    IMAGES = "images"


class Dialect(StrEnum):
    """In whose words a body is written."""

    OPENAI = "openai"
    ANTHROPIC = "anthropic"


class CallStatus(StrEnum):
    """How a call ended."""

    OK = "ok"
    ERROR = "error"
    """No answer; `error_code` says why."""
    CUT = "cut"
    """The upstream broke off after the first token: what had come is counted, and never shown as whole."""
    CANCELLED = "cancelled"
    """The caller left or stopped it."""
    REFUSED = "refused"
    """By a limit, a budget or a guardrail of ours: nothing went upstream."""


class Sticky(StrEnum):
    """What keeps a caller on one deployment of a route."""

    NONE = "none"
    SESSION = "session"
    """`X-Session-ID`, else `user` in the body, else the key."""
    KEY = "key"


class BudgetScope(StrEnum):
    ORGANIZATION = "organization"
    KEY = "key"
    END_USER = "end_user"


class Period(StrEnum):
    """How long a budget lasts before it begins anew, in UTC."""

    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


class ProvidersPermission(Permission):
    CALL = "providers.model.call"
    """Call models through the gateway."""
    VIEW = "providers.route.view"
    """See providers, deployments and routes, never credentials."""
    MANAGE = "providers.route.manage"
    """Make and change providers, deployments and routes."""
    USAGE_VIEW = "providers.usage.view"
    """See the organization's usage and cost."""
    BUDGET_MANAGE = "providers.budget.manage"
    """Set budgets of the organization and of end users."""
    PROMPT_VIEW = "providers.prompt.view"
    """Read prompts and their versions."""
    PROMPT_MANAGE = "providers.prompt.manage"
    """Write prompts, versions and labels."""
    CAPTURE_VIEW = "providers.capture.view"
    """Read captured requests and answers."""
