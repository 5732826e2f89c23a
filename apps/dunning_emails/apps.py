from django.apps import AppConfig


class DunningEmailsConfig(AppConfig):
    name = "apps.dunning_emails"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Add to the page of a case and to previews, and listen to the mail provider's notices."""
        from anymail.signals import tracking

        from apps.dunning_emails import on_case
        from apps.dunning_emails.facts import rules_of
        from apps.dunning_emails.queries import planned_by_day
        from apps.dunning_emails.receivers import take_notice
        from apps.recovery import extras
        from apps.retry_settings.extras import register_mails

        extras.register_planned(on_case.planned_mails)
        extras.register_actions(on_case.actions)
        extras.register_mail_days(planned_by_day)
        extras.register_bulk("remind", on_case.remind_in_bulk)
        register_mails(rules_of)
        tracking.connect(take_notice, dispatch_uid="dunning_emails.take_notice")
