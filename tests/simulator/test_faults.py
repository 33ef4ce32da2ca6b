import pytest

from shipments.enums import Gateway
from shipments.simulator.faults import KINDS, Fault, FaultDeck, FaultSpecError, Strike, read_faults

ONE, OTHER = "9405508814010098468700", "9405508814010098468717"
USPS, PITNEY_BOWES = Gateway.USPS, Gateway.PITNEY_BOWES


@pytest.mark.parametrize(
    ("spec", "fault"),
    [
        ("429:0.1", Fault("429", rate=0.1)),
        ("500:.05", Fault("500", rate=0.05)),
        ("500:1", Fault("500", rate=1.0)),
        ("timeout:0:7", Fault("timeout", rate=0.0, detail="7")),
        ("503@usps:x2:5", Fault("503", wire=USPS, times=2, detail="5")),
        ("429:1:date", Fault("429", rate=1.0, detail="date")),
        (f"html:{ONE}:503", Fault("html", number=ONE, detail="503")),
        ("cut:1z5tw8*", Fault("cut", number="1Z5TW8*")),
        ("token-refused@pitney_bowes:x1", Fault("token-refused", wire=PITNEY_BOWES, times=1)),
    ],
)
def test_an_entry_is_read(spec: str, fault: Fault) -> None:
    assert read_faults(spec).entries == (fault,)


def test_entries_settings_and_blanks_may_be_mixed() -> None:
    plan = read_faults(" 429:0.1 , latency:250,, token-life:30,500:x1 ")
    assert [fault.kind for fault in plan.entries] == ["429", "500"]
    assert (plan.latency_ms, plan.token_life) == (250, 30)


def test_an_empty_spec_has_no_faults() -> None:
    assert read_faults("").entries == ()


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("nonsense:0.1", "there is no kind 'nonsense'"),
        ("429", "after the kind comes a share"),
        ("429:", "after the kind comes a share"),
        ("429:1.5", "a share lies between 0 and 1"),
        ("429:-1", "after the kind comes a share"),
        ("429:often", "after the kind comes a share"),
        ("429@dhl:1", "there is no wire 'dhl'"),
        ("429:1:soon", "a whole number is needed"),
        ("500:1:3", "the kind '500' takes no detail"),
        ("html:1:99", "between 200 and 599"),
        (f"token-500:{ONE}", "a token call carries no tracking number"),
        ("missing:0.5", "say which tracking number is missing"),
        ("latency:fast", "a whole number is needed"),
    ],
)
def test_a_spec_that_cannot_be_read_says_which_entry_and_why(spec: str, complaint: str) -> None:
    with pytest.raises(FaultSpecError, match=complaint) as caught:
        read_faults(f"500:0.1,{spec}")
    assert repr(spec) in str(caught.value)


def test_every_kind_can_be_asked_for() -> None:
    for kind in KINDS:
        when = ONE if kind == "missing" else "x1"
        assert read_faults(f"{kind}:{when}").entries[0].kind == kind


def kinds(deck: FaultDeck, count: int, wire: Gateway = USPS) -> list[str | None]:
    strikes = [deck.strike("tracking", wire, [ONE]) for _ in range(count)]
    return [strike.fault.kind if strike.fault else None for strike in strikes]


def test_a_share_strikes_the_same_calls_at_every_run() -> None:
    first = kinds(FaultDeck(read_faults("500:0.2"), seed=1), 500)
    assert first == kinds(FaultDeck(read_faults("500:0.2"), seed=1), 500)
    assert first != kinds(FaultDeck(read_faults("500:0.2"), seed=2), 500)
    assert 70 < first.count("500") < 130


def test_a_count_strikes_so_many_calls_and_no_more() -> None:
    assert kinds(FaultDeck(read_faults("500:x2,429:x1"), seed=1), 5) == ["500", "500", "429", None, None]


def test_a_wire_is_spared_by_the_other_wires_faults() -> None:
    deck = FaultDeck(read_faults("500@pitney_bowes:1"), seed=1)
    assert kinds(deck, 2) == [None, None]
    assert kinds(deck, 2, PITNEY_BOWES) == ["500", "500"]


def test_token_faults_and_tracking_faults_keep_apart() -> None:
    deck = FaultDeck(read_faults("token-500:1"), seed=1)
    assert deck.strike("tracking", USPS, [ONE]) == Strike()
    assert deck.strike("token", USPS).fault == Fault("token-500", rate=1.0)
    assert FaultDeck(read_faults("500:1"), seed=1).strike("token", USPS) == Strike()


def test_a_number_is_struck_in_every_form_of_it() -> None:
    deck = FaultDeck(read_faults(f"500:{ONE}"), seed=1)
    assert deck.strike("tracking", USPS, [OTHER, "42085281" + ONE]).fault is not None
    assert deck.strike("tracking", USPS, [OTHER]).fault is None
    prefix = FaultDeck(read_faults("500:940550881401*"), seed=1)
    assert prefix.strike("tracking", USPS, [OTHER]).fault is not None


def test_item_faults_name_the_items_and_leave_the_call_alone() -> None:
    spec = f"404:{ONE},missing:{OTHER},wrongtypes:{ONE}"
    strike = FaultDeck(read_faults(spec), seed=1).strike(
        "tracking", USPS, [ONE, OTHER, "9400111899223197428490"]
    )
    assert strike == Strike(
        unknown=frozenset({ONE}), missing=frozenset({OTHER}), wrong_types=frozenset({ONE})
    )
