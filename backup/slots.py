"""The slots of a repository: each holds its secrets wrapped for one key, and any one of them opens it.

    keys/<slot>    {"repository", "kind", "made_at", "generation", "wrapped", "mac"}, JSON in clear

`mac` is made with the secrets, so that whoever opens one slot can tell whether another was changed. To lose one key
is no loss while another slot is left.
"""

from __future__ import annotations

import hmac
import json
import os
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from backup.errors import AnotherRepository, Busy, Damaged, NoRepository, NoSuchObject, TargetRefused, WrongKey
from backup.failpoints import reached
from backup.holds import held, others
from backup.keys import KeyProvider
from backup.sealing import Secrets
from backup.targets.target import Target

FOLDER = "keys/"


@dataclass(frozen=True, slots=True)
class Slot:
    """`name` says which; `generation` is the newest data key in it; `wrapped` is the provider's own."""

    name: str
    repository: str
    kind: str
    made_at: str
    generation: int
    wrapped: dict[str, str]
    mac: str


@contextmanager
def changing(target: Target) -> Iterator[None]:
    """Nobody else changes slots meanwhile: of two new data keys at once one would end in no slot. Raises Busy."""
    with held(target, "keys") as mine:
        for other in others(target, mine)[0]:
            if other.purpose == "keys":
                raise Busy(
                    f"the keys of {target.place} are being changed since {other.since:%Y-%m-%d %H:%M} UTC; try again "
                    f"when that has ended, or remove {other.name} if you know that it was killed on another machine"
                )
        yield


def new_secrets(repository: str) -> Secrets:
    """Of a new repository."""
    return Secrets(repository, os.urandom(32), {1: os.urandom(32)})


def read(target: Target) -> list[Slot]:
    """Raises NoRepository where there is none, Damaged for what is no slot."""
    slots = [_read(target, stored.name.removeprefix(FOLDER)) for stored in target.list(FOLDER)]
    if not slots:
        raise NoRepository(f"{target.place} holds no repository; make one: doorbell backup init")
    return slots


def opened(slots: Sequence[Slot], providers: Iterable[KeyProvider], place: str) -> tuple[Secrets, int]:
    """The secrets, and the generation that writers use: the newest that every slot has.

    So a rotation that was killed half way leaves nothing that a slot cannot open. Raises WrongKey, Damaged,
    AnotherRepository.
    """
    secrets = _first(slots, providers, place)
    for slot in slots:
        _check(slot, secrets)
    return secrets, min(slot.generation for slot in slots)


def checked(target: Target, name: str, secrets: Secrets) -> Slot:
    """The slot `keys/…` of this name. Raises Damaged, AnotherRepository, NoSuchObject."""
    slot = _read(target, name.removeprefix(FOLDER))
    _check(slot, secrets)
    return slot


def add(target: Target, secrets: Secrets, provider: KeyProvider, now: datetime) -> Slot:
    """A further key for the same repository, whose secrets are to be read while nobody else is `changing` them."""
    slot = Slot(os.urandom(4).hex(), secrets.repository, provider.kind, now.isoformat(), 0, {}, "")
    return _put(target, _filled(slot, secrets, provider))


def remove(target: Target, name: str) -> None:
    """From now on this key opens nothing; rotate if somebody has it. Raises NoSuchObject, TargetRefused, Busy."""
    with changing(target):
        names = [slot.name for slot in read(target)]
        if name not in names:
            raise NoSuchObject(f"there is no key slot '{name}'; there are {', '.join(names)}")
        if len(names) == 1:
            raise TargetRefused("this is the last key slot, without it nothing could be restored; add another first")
        target.delete(FOLDER + name)


def rotate(target: Target, providers: Sequence[KeyProvider]) -> Secrets:
    """A new data key for all that is written from now on, in every slot; nothing is written again.

    Needs the keys of all slots: one left out could not open new snapshots. Raises WrongKey, Busy.
    """
    with changing(target):
        slots = read(target)
        _, common = opened(slots, providers, target.place)
        owners = [(slot, *_owner(slot, providers)) for slot in slots]
        secrets = max((each for _, _, each in owners), key=lambda each: each.newest)
        if common == secrets.newest:  # else a rotation was killed, and this one ends it
            secrets = replace(secrets, data_keys={**secrets.data_keys, common + 1: os.urandom(32)})
        for slot, provider, _ in owners:
            _put(target, _filled(slot, secrets, provider))
            reached("rotate.after_slot")
    return secrets


def _check(slot: Slot, secrets: Secrets) -> None:
    if slot.repository != secrets.repository:
        raise AnotherRepository(f"{FOLDER}{slot.name} belongs to another repository; remove it")
    if not hmac.compare_digest(slot.mac, _mac(slot, secrets)):
        raise Damaged(f"{FOLDER}{slot.name}: changed since it was written; remove it, and add that key again")


def _first(slots: Sequence[Slot], providers: Iterable[KeyProvider], place: str) -> Secrets:
    reasons = ["no key was given"]
    for provider in providers:
        reasons.append(f"there is none for a {provider.kind}")
        for slot in slots:
            if slot.kind == provider.kind:
                try:
                    return _secrets(provider.unwrap(slot.wrapped))
                except WrongKey as error:
                    reasons.append(str(error))
    raise WrongKey(f"{place}: no key slot of {len(slots)} opens: {reasons[-1]}")


def _owner(slot: Slot, providers: Sequence[KeyProvider]) -> tuple[KeyProvider, Secrets]:
    for provider in providers:
        if slot.kind == provider.kind:
            with suppress(WrongKey):
                return provider, _secrets(provider.unwrap(slot.wrapped))
    raise WrongKey(f"key slot {slot.name} ({slot.kind}) opens with none of the given keys; give its too, or remove it")


def _filled(slot: Slot, secrets: Secrets, provider: KeyProvider) -> Slot:
    keys = {str(number): key.hex() for number, key in secrets.data_keys.items()}
    bundle = {"repository": secrets.repository, "id_key": secrets.id_key.hex(), "data_keys": keys}
    wrapped = provider.wrap(json.dumps(bundle).encode())
    filled = replace(slot, generation=secrets.newest, wrapped=wrapped)
    return replace(filled, mac=_mac(filled, secrets))


def _secrets(bundle: bytes) -> Secrets:
    content = json.loads(bundle)
    keys = {int(number): bytes.fromhex(key) for number, key in content["data_keys"].items()}
    return Secrets(content["repository"], bytes.fromhex(content["id_key"]), keys)


def _mac(slot: Slot, secrets: Secrets) -> str:
    content = json.dumps({**asdict(slot), "mac": ""}, sort_keys=True)
    return hmac.digest(secrets.id_key, b"slot " + content.encode(), "sha256").hex()


def _put(target: Target, slot: Slot) -> Slot:
    target.put(FOLDER + slot.name, _bytes(slot))
    return slot


def _bytes(slot: Slot) -> bytes:
    content: dict[str, Any] = asdict(slot)
    del content["name"]
    return json.dumps(content, indent=1).encode()


def _read(target: Target, name: str) -> Slot:
    data = target.get(FOLDER + name)
    try:
        slot = Slot(name=name, **json.loads(data))
    except (ValueError, TypeError) as error:
        raise Damaged(f"{FOLDER}{name} is no key slot: {error}") from error
    if _bytes(slot) != data:  # also what JSON would forgive was changed by somebody
        raise Damaged(f"{FOLDER}{name}: changed since it was written; remove it, and add that key again")
    return slot
