from django.apps import AppConfig


class CustomerPaymentsConfig(AppConfig):
    name = "apps.customer_payments"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Add to the page of a case and to previews."""
        from apps.customer_payments import on_case
        from apps.customer_payments.services import chosen_rules
        from apps.recovery import extras
        from apps.retry_settings.extras import register_access

        extras.register_planned(on_case.planned_access)
        extras.register_actions(on_case.actions)
        register_access(chosen_rules)
