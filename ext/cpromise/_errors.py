"""The exceptions of cpromise. The native part finds them here."""


class PromiseError(Exception):
    """Base of the errors that cpromise itself raises."""


class RejectionError(PromiseError):
    """What await raises for a promise that was rejected with something that is not an exception."""

    @property
    def reason(self) -> object:
        return self.args[0]

    def __str__(self) -> str:
        return f"a promise was rejected with {self.reason!r}"


class WrongLoopError(PromiseError):
    """A promise or a loop was used from a thread, or together with a loop, that it does not belong to."""


class LoopClosedError(PromiseError):
    """The loop was closed, before or while something waited for it."""


class UnhandledRejections(ExceptionGroup):
    """Promises were rejected and nobody handled it."""

    def derive(self, excs):
        return UnhandledRejections(self.message, excs)
