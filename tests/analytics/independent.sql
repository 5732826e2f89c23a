-- A merchant's figures of a period, worked out from the definitions and from nothing of the
-- product's code: cases, tries, payments and subscriptions, each on its day in the merchant's zone.
-- Parameters: merchant, zone, first, last (days, both included), currency. Gives name, value.
WITH cases AS (
    SELECT c.*, (failed_at AT TIME ZONE %(zone)s)::date AS failed_on,
        (closed_at AT TIME ZONE %(zone)s)::date AS closed_on,
        CASE status WHEN 'recovered' THEN recovered_minor ELSE amount_due_minor END AS minor,
        floor(extract(epoch FROM closed_at - failed_at) / 3600)::int AS hours
    FROM recovery_recoverycase AS c
    WHERE merchant_id = %(merchant)s AND currency = %(currency)s
), failed AS (
    SELECT * FROM cases WHERE failed_on BETWEEN %(first)s AND %(last)s
), renewals AS (
    SELECT amount_minor, tries = 0 OR first_failed_at <= at AS has_failed
    FROM transactions_transaction
    WHERE merchant_id = %(merchant)s AND currency = %(currency)s
        AND billing_reason IN ('subscription_cycle', 'subscription_threshold')
        AND NOT is_after_trial
        AND (tries > 0 OR first_failed_at IS NOT NULL)
        AND (at AT TIME ZONE %(zone)s)::date BETWEEN %(first)s AND %(last)s
), numbered AS (
    SELECT y.*, (y.at AT TIME ZONE %(zone)s) AS local,
        row_number() OVER chain - 1 AS place,
        lag(coalesce(nullif(y.decline_code, ''), y.failure_code)) OVER chain AS code_before,
        first_value(coalesce(nullif(y.decline_code, ''), y.failure_code)) OVER chain AS first_code
    FROM recovery_try AS y JOIN cases AS c ON c.stripe_invoice_id = y.stripe_invoice_id
    WHERE y.merchant_id = %(merchant)s
    WINDOW chain AS (PARTITION BY y.stripe_invoice_id ORDER BY y.at, y.id)
), retries AS (
    SELECT * FROM numbered
    WHERE place > 0 AND reached_network AND status <> 'pending'
        AND local::date BETWEEN %(first)s AND %(last)s
)
SELECT status || ' cases', count(*)::numeric FROM failed GROUP BY status
UNION ALL SELECT status || ' minor', sum(minor) FROM failed GROUP BY status
UNION ALL SELECT 'first tries', count(*) FROM renewals
UNION ALL SELECT 'first tries minor', coalesce(sum(amount_minor), 0) FROM renewals
UNION ALL SELECT 'first failed', count(*) FILTER (WHERE has_failed) FROM renewals
UNION ALL SELECT 'first failed minor', coalesce(sum(amount_minor) FILTER (WHERE has_failed), 0)
    FROM renewals
UNION ALL SELECT 'came back', count(*) FROM cases
    WHERE status = 'recovered' AND closed_on BETWEEN %(first)s AND %(last)s
UNION ALL SELECT 'came back minor', coalesce(sum(recovered_minor), 0) FROM cases
    WHERE status = 'recovered' AND closed_on BETWEEN %(first)s AND %(last)s
UNION ALL SELECT 'median hours', percentile_cont(0.5) WITHIN GROUP (ORDER BY hours) FROM failed
    WHERE status = 'recovered'
UNION ALL SELECT 'mean hours', avg(hours) FROM failed WHERE status = 'recovered'
UNION ALL SELECT 'retries', count(*) FROM retries
UNION ALL SELECT 'retries paid', count(*) FILTER (WHERE status = 'succeeded') FROM retries
UNION ALL SELECT 'retries number ' || place, count(*) FROM retries GROUP BY place
UNION ALL SELECT 'retries slot ' || extract(isodow FROM local) - 1 || ' ' || extract(hour FROM local),
    count(*) FROM retries GROUP BY extract(isodow FROM local), extract(hour FROM local)
UNION ALL SELECT 'retries reason ' || code_before, count(*) FROM retries GROUP BY code_before
UNION ALL SELECT 'failed reason ' || n.first_code, sum(f.minor)
    FROM failed AS f JOIN numbered AS n ON n.stripe_invoice_id = f.stripe_invoice_id AND place = 0
    GROUP BY n.first_code
UNION ALL SELECT 'ended', count(*) FROM subscriptions_subscription
    WHERE merchant_id = %(merchant)s AND currency = %(currency)s AND status = 'canceled'
        AND (ended_at AT TIME ZONE %(zone)s)::date BETWEEN %(first)s AND %(last)s
UNION ALL SELECT 'ended unpaid', count(*) FROM subscriptions_subscription
    WHERE merchant_id = %(merchant)s AND currency = %(currency)s AND status = 'canceled'
        AND ended_for_nonpayment
        AND (ended_at AT TIME ZONE %(zone)s)::date BETWEEN %(first)s AND %(last)s
