from apps.dunning.order import FIELDS, in_stripes_order


def test_the_fields_stand_as_stripe_looks_at_them():
    places = in_stripes_order()

    assert [place.field for place in places] == [
        "subscription.default_payment_method",
        "subscription.default_source",
        "customer.invoice_settings.default_payment_method",
        "customer.default_source",
    ]
    assert not any(place.is_charged or place.has_failed for place in places)


def test_the_first_that_is_filled_is_charged():
    places = in_stripes_order(customer_method="pm_b", customer_source="card_c")

    assert [place.is_charged for place in places] == [False, False, True, False]


def test_the_subscriptions_own_comes_before_the_customers():
    places = in_stripes_order(subscription_source="card_a", customer_method="pm_b")

    assert [place.method_id for place in places if place.is_charged] == ["card_a"]


def test_a_method_in_two_fields_failed_where_it_is_charged():
    places = in_stripes_order(
        subscription_method="pm_a", customer_method="pm_a", failed_method="pm_a"
    )

    assert [place.has_failed for place in places] == [True, False, False, False]


def test_a_method_that_failed_and_is_gone_is_marked_nowhere():
    places = in_stripes_order(customer_method="pm_new", failed_method="pm_old")

    assert not any(place.has_failed for place in places)
    assert len(places) == len(FIELDS)
