"""Look-alikes: contacts whom a reader could mistake for one another by their names.

Implements `docs/protocol/trust.md`, section "Names that look alike".
"""

from collections.abc import Iterable

from mesh.ids import ContactId
from mesh.messenger.looks import looks_of


class LookAlikes:
    """The owners of labels and names, by their forms; in memory, for all contacts."""

    def __init__(self) -> None:
        self._by_form: dict[str, dict[ContactId, None]] = {}
        self._forms: dict[ContactId, tuple[str, ...]] = {}

    def put(self, contact: ContactId, names: Iterable[str]) -> None:
        """A contact has these names, in place of those before; empty ones are none."""
        self.remove(contact)
        forms = tuple(dict.fromkeys(form for name in names if name for form in looks_of(name)))
        self._forms[contact] = forms
        for form in forms:
            self._by_form.setdefault(form, {})[contact] = None

    def remove(self, contact: ContactId) -> None:
        """A contact has no names any more."""
        for form in self._forms.pop(contact, ()):
            having = self._by_form[form]
            del having[contact]
            if not having:
                del self._by_form[form]

    def of(self, contact: ContactId) -> list[ContactId]:
        """Other contacts who could be mistaken for this one, the longest known first."""
        return sorted(self._having(self._forms.get(contact, ()), but=contact))

    def like(self, name: str, *, but: ContactId | None = None) -> list[ContactId]:
        """Contacts who could be mistaken for somebody of this name."""
        return sorted(self._having(looks_of(name), but=but))

    def _having(self, forms: Iterable[str], *, but: ContactId | None) -> dict[ContactId, None]:
        found = dict.fromkeys(one for form in forms for one in self._by_form.get(form, ()))
        if but is not None:
            found.pop(but, None)
        return found
