"""What is lost when a member takes over from a leader that is gone: known bytes, and what nobody can know."""

from __future__ import annotations

from dataclasses import dataclass

from cluster.plans.failover.scene import Scene


@dataclass(frozen=True)
class Loss:
    """
    + missing: bytes of WAL that are known to have been written and that the member lacks
    + where: who has them, or knows of them, as the end of a sentence
    + unknown: why there may be more; empty: that is all
    + complete: why it has every write that was acknowledged all the same; empty: it may lack some
    """

    missing: int
    where: str = ""
    unknown: str = ""
    complete: str = ""

    @property
    def is_at_stake(self) -> bool:
        """Whether a write that was acknowledged is lost, or may be."""
        return not self.complete and bool(self.missing or self.unknown)

    @property
    def text(self) -> str:
        """As an operator reads it."""
        if self.complete:
            beyond = f"; the last {self.missing} bytes, {self.where}, were never acknowledged"
            return f"nothing that was acknowledged: {self.complete}{beyond if self.missing else ''}"
        if not self.missing:
            return (
                f"perhaps the last writes: {self.unknown}" if self.unknown else "nothing: it has all that was written"
            )
        known = f"the last {self.missing} bytes of WAL, {self.where}"
        return f"at least {known}; {self.unknown}" if self.unknown else known


def loss_of(scene: Scene, name: str) -> Loss:
    """What is lost with a member as the leader. + name: of one whose data can be read"""
    reach = scene.positions[name].reach
    ends = [(one.reach, f"which {one.name} has") for one in scene.positions.values() if one.timeline == scene.timeline]
    former = scene.former or "the last leader"
    ends.append((scene.noted_end, f"which {former} noted in etcd to have written"))
    furthest, where = max(ends, key=lambda end: end[0])
    missing = max(0, furthest - reach)
    return Loss(missing, where if missing else "", _unknown(scene, name), _complete(scene, name))


def _unknown(scene: Scene, name: str) -> str:
    """Why more may have been written than is known; empty when nothing can."""
    suspects = [scene.former] if scene.former else [node.name for node in scene.cluster.members]
    unread = [one for one in suspects if one != name and one not in scene.positions]
    if unread:
        led = "led last" if scene.former else "may have led"
        return f"{', '.join(unread)} {led}, and only there it is known what was written at the end"
    torn = [one for one in suspects if one != name and not _is_read(scene, one)]
    return f"the WAL on {', '.join(torn)} could not be read to its end" if torn else ""


def _is_read(scene: Scene, name: str) -> bool:
    seen = scene.data[name]
    return scene.positions[name].whole or (seen is not None and seen["in_recovery"] is not None)


def _complete(scene: Scene, name: str) -> str:
    """Why a member has all that was acknowledged: commits waited for it, or for one that has no more than it has."""
    mine = scene.positions[name]
    no_more = [one for one in scene.synchronous if one in scene.positions and _has_no_more(scene, one, mine.reach)]
    if scene.quorum is not None:
        # As Patroni counts: of so many that commits waited for, one at least has each.
        votes = len([one for one in no_more if one != name]) + (0 if name in scene.synchronous else -1)
        return f"it has all that {', '.join(no_more)} have, a quorum" if no_more and votes >= scene.quorum else ""
    if name in no_more:
        return f"commits waited for {name}"
    return f"commits waited for {no_more[0]}, which has no more" if no_more else ""


def _has_no_more(scene: Scene, name: str, reach: int) -> bool:
    one = scene.positions[name]
    return one.timeline == scene.timeline and one.reach <= reach and _is_read(scene, name)
