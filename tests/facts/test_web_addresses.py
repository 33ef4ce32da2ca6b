"""Host names and links for questions, as people type them."""

import pytest

from shipments.facts.web_addresses import AddressError, read_host, read_support_link


@pytest.mark.parametrize(
    ("typed", "host"),
    [
        ("track.shop.example", "track.shop.example"),
        (" Track.Shop.Example. ", "track.shop.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("STRASSE.example", "strasse.example"),
        # As browsers ask for it (IDNA 2008), not as older rules have it.
        ("straße.example", "xn--strae-oqa.example"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("4.shop.example", "4.shop.example"),
    ],
)
def test_a_host_name_is_kept_as_browsers_send_it(typed: str, host: str) -> None:
    assert read_host(typed) == host


@pytest.mark.parametrize(
    ("typed", "rule"),
    [
        ("", "Type a host name"),
        (" . ", "Type a host name"),
        ("https://track.shop.example", "alone"),
        ("track.shop.example/path", "alone"),
        ("me@shop.example", "alone"),
        ("track.shop.example:8000", "without a port"),
        ("*.shop.example", "stands for none"),
        ("192.0.2.1", "no host name"),
        ("[2001:db8::1]", "no host name"),
        ("2001:db8::1", "no host name"),
        ("192.0.513", "no host name"),
        ("shop.0x7f", "no host name"),
        ("localhost", "whole host name"),
        ("shop", "whole host name"),
        ("a_b.example", "letters, digits"),
        ("-a.example", "letters, digits"),
        ("a-.example", "letters, digits"),
        ("a..example", "letters, digits"),
        (".example.com", "letters, digits"),
        ("a b.example", "letters, digits"),
        ("a,b.example", "letters, digits"),
        ("<b>.example", "letters, digits"),
        ("a\n.example", "letters, digits"),
        (f"{'a' * 64}.example", "letters, digits"),
        (".".join(["a" * 60] * 5), "letters, digits"),
    ],
)
def test_what_is_no_host_name_is_refused_by_the_rule_it_breaks(typed: str, rule: str) -> None:
    with pytest.raises(AddressError, match=rule):
        read_host(typed)


@pytest.mark.parametrize(
    ("typed", "link"),
    [
        ("https://shop.example/help?a=1#top", "https://shop.example/help?a=1#top"),
        ("HTTPS://Shop.Example/Help", "https://shop.example/Help"),
        ("https://shop.example:8443/", "https://shop.example:8443/"),
        ("shop.example/help", "https://shop.example/help"),
        ("shop.example:8443/help", "https://shop.example:8443/help"),
        ("bücher.example", "https://xn--bcher-kva.example"),
        ("mailto:help@shop.example", "mailto:help@shop.example"),
        (" help@shop.example ", "mailto:help@shop.example"),
        ("https://shop.example/@us", "https://shop.example/@us"),
    ],
)
def test_a_link_for_questions_is_a_page_or_an_address(typed: str, link: str) -> None:
    assert read_support_link(typed) == link


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "help",
        "http://shop.example",
        "javascript:alert(1)",
        "data:text/html,hello",
        "//shop.example",
        "ftp://shop.example",
        "https://",
        "https://bank.example@shop.example/",
        "https://localhost/",
        "https://192.0.2.1/",
        "https://shop.example:99999/",
        'https://shop.example/"onmouseover="x',
        "https://shop.example/<b>",
        "https://shop.example/a b",
        "https://[::1]/",
        "https://[",
        "mailto:",
        "mailto:help",
        "mailto:help@shop.example?bcc=all@shop.example",
        "help@shop.example, b@shop.example",
        "tel:+15551234567",
        "https://shop.example/\u202e",
        "https://shop.example/" + "a" * 300,
    ],
)
def test_other_links_are_refused(typed: str) -> None:
    with pytest.raises(AddressError):
        read_support_link(typed)
