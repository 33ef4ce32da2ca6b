"""Numbers that survive a telephone, digests that survive a paper, and one form for all."""

import hashlib
import json
import random
import subprocess
from pathlib import Path

import pytest

from shipments.facts.statements import canonical, digest, in_groups, new_number, read_digest, read_number

NUMBER = "PS-7K3F-9Q2M-XD4C-61TM"
DIGEST = hashlib.sha256(b"statement").hexdigest()


def test_a_number_has_75_random_bits_in_groups_of_four() -> None:
    numbers = {new_number() for _n in range(1000)}
    assert len(numbers) == 1000
    for number in numbers:
        prefix, *groups = number.split("-")
        assert (prefix, [len(group) for group in groups]) == ("PS", [4, 4, 4, 4])
        assert not set("".join(groups)) & set("ILOU")
        assert read_number(number) == number


@pytest.mark.parametrize(
    "typed",
    ["{}", " {} ", "7k3f 9q2m xd4c 61t{last}", "ps7k3f9q2mxd4c6lt{last}", "PS–7K3F–9Q2M–XD4C–6iT{last}"],
)
def test_a_number_is_read_however_it_was_typed(typed: str) -> None:
    signs = NUMBER[:-1]
    last = next(sign for sign in "0123456789ABCDEFGHJKMNPQRSTVWXYZ" if read_number(signs + sign))
    assert read_number(typed.format(signs + last, last=last)) == signs + last


def test_any_one_wrong_sign_is_seen() -> None:
    chance = random.Random(5)
    for _n in range(300):
        number = new_number()
        place = chance.choice([at for at, sign in enumerate(number) if at > 2 and sign != "-"])
        other = chance.choice([sign for sign in "0123456789ABCDEFGHJKMNPQRSTVWXYZ" if sign != number[place]])
        assert read_number(number[:place] + other + number[place + 1 :]) is None


@pytest.mark.parametrize(
    "typed", ["", "PS", "PS-7K3F", "PS-7K3F-9Q2M-XD4C-61TU", "x" * 500, "<script>", "PS-" + "É" * 16]
)
def test_what_is_no_number_is_none(typed: str) -> None:
    assert read_number(typed) is None


@pytest.mark.parametrize(
    "typed",
    [
        DIGEST,
        f"  {DIGEST.upper()}\n",
        in_groups(DIGEST),
        f"sha256:{DIGEST}",
        f"{DIGEST}  PS-7K3F-9Q2M-XD4C-61TB.json",
        "\n".join(DIGEST[at : at + 16] for at in range(0, 64, 16)),
        "-".join(DIGEST[at : at + 4] for at in range(0, 64, 4)),
    ],
)
def test_a_digest_is_read_however_it_was_pasted(typed: str) -> None:
    assert read_digest(typed) == DIGEST


@pytest.mark.parametrize("typed", ["", "abc", DIGEST[:-1], DIGEST + "0", DIGEST[:-1] + "g", "0" * 65])
def test_what_is_no_digest_is_none(typed: str) -> None:
    assert read_digest(typed) is None


def test_a_document_has_one_form_whatever_the_order_of_its_names() -> None:
    document = {"b": [1, None, True], "a": {"ñ": "“x”\n\u2028"}}
    content = canonical(document)
    assert content == '{"a":{"ñ":"“x”\\n\u2028"},"b":[1,null,true]}'.encode()
    assert canonical({"a": {"ñ": "“x”\n\u2028"}, "b": [1, None, True]}) == content
    assert canonical(json.loads(content)) == content


def test_the_digest_is_what_sha256sum_prints(tmp_path: Path) -> None:
    content = canonical({"number": NUMBER, "scans": []})
    file = tmp_path / "statement.json"
    file.write_bytes(content)
    printed = subprocess.run(["sha256sum", file], capture_output=True, text=True, check=True).stdout
    assert read_digest(printed) == digest(content)
