"""What the admin calls the things it lists."""

from __future__ import annotations

from django.contrib import admin


def test_every_model_in_the_admin_has_a_name_in_english():
    names = {str(model._meta.verbose_name_plural) for model in admin.site._registry}

    assert names == {
        "API keys",
        "approval requests",
        "audit entries",
        "budgets",
        "captures",
        "conversations",
        "deployments",
        "invitations",
        "jobs",
        "login sessions",
        "memberships",
        "mlflow sources",
        "model versions",
        "organizations",
        "periodic work",
        "policies",
        "prediction records",
        "prompts",
        "providers",
        "registered models",
        "routes",
        "service accounts",
        "stored files",
        "usage records",
        "users",
        "webhook deliveries",
        "webhook endpoints",
    }


def test_every_app_in_the_admin_has_a_name():
    apps = {model._meta.app_config.verbose_name for model in admin.site._registry}

    assert apps == {
        "Approvals",
        "Conversations",
        "Core",
        "Events",
        "Jobs",
        "Keys",
        "Models",
        "Organisations and people",
        "Providers",
    }


def test_every_model_in_the_admin_says_what_a_row_is():
    unnamed = [model for model in admin.site._registry if "__str__" not in vars(model)]

    assert unnamed == []
