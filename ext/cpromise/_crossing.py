"""How a call goes to another interpreter or process, and its outcome comes back: as bytes. Both ends are here.

A request is the packed tuple (function, args, kwargs), an answer the packed tuple (whether it returned, value, text of the traceback).
The function goes by its module and name where the other end can find it so, as code where it has no such name and needs nothing else,
else as pickle sends it. See ext/binding/py_wire.c for what packing is.
"""

import builtins
import importlib.util
import marshal
import os
import pickle
import sys
import traceback
import types
import weakref
from operator import attrgetter

from ._cpromise import _pack, _unpack  # type: ignore[import-not-found]
from ._python import PromiseError

_described: weakref.WeakKeyDictionary = weakref.WeakKeyDictionary()  # function: what it is called on the wire
_known: dict = {}  # the same at the other end, the other way round
_MOST_KNOWN = 4096


class RemoteTraceback(Exception):
    """The traceback of an exception where it was raised: the __cause__ of the one that comes here."""

    def __str__(self):
        return f'\n"""\n{self.args[0]}"""'


# ---- The end that asks


def setup():
    """What the other end has to know of this one, packed: its search path and its main module."""
    main = sys.modules["__main__"]
    sys.modules.setdefault("__mp_main__", main)  # as it is called there, and so in what comes back; multiprocessing does so, too
    spec, path = getattr(main, "__spec__", None), getattr(main, "__file__", None)
    if isinstance(main, _Main):  # a worker's worker
        return _pack((tuple(sys.path), tuple(sys.argv), main._path, main._name))
    path = os.path.abspath(path) if path and spec is None and os.path.exists(path) else None
    return _pack((tuple(map(str, sys.path)), tuple(map(str, sys.argv)), path, spec.name if spec else None))


def _is_found(fn):
    """Whether the other end finds it under its module and name."""
    try:
        if attrgetter(fn.__qualname__)(sys.modules[fn.__module__]) is not fn:
            return False
    except (AttributeError, KeyError):
        return False
    main = sys.modules["__main__"]
    return fn.__module__ != "__main__" or isinstance(main, _Main) or bool(getattr(main, "__spec__", None) or getattr(main, "__file__", None))


def _describe(call, fn):
    if not isinstance(fn, types.FunctionType):
        return _pack(("pickle", pickle.dumps(fn)))
    if _is_found(fn):
        return _pack(("name", fn.__module__, fn.__qualname__))
    if fn.__closure__:
        names = ", ".join(fn.__code__.co_freevars)
        raise TypeError(
            f"{call}(): {fn.__qualname__} uses {names} of the function in which it was made, which cannot go along; "
            "pass them as arguments, or call a function of a module"
        )
    rest = pickle.dumps((fn.__defaults__, fn.__kwdefaults__)) if fn.__defaults__ or fn.__kwdefaults__ else None
    return _pack(("code", fn.__module__, fn.__name__, marshal.dumps(fn.__code__), rest))


def _is_fixed(fn):
    """Whether its description holds for good: it has no state that may change, as defaults or the self of a method have."""
    if type(fn) is types.FunctionType:
        return not (fn.__defaults__ or fn.__kwdefaults__)
    return isinstance(fn, type) or (type(fn) is types.BuiltinFunctionType and isinstance(fn.__self__, types.ModuleType))


def request(call, fn, args, kwargs):
    """The bytes that ask for fn(*args, **kwargs); `call` is for messages. Raises what pickle raises."""
    if not callable(fn):
        raise TypeError(f"{call}(fn, *args, **kwargs): fn must be callable, not {type(fn).__name__}")
    if not _is_fixed(fn):
        return _pack((_describe(call, fn), args, kwargs or None))
    name = _described.get(fn)
    if name is None:
        name = _described[fn] = _describe(call, fn)
    return _pack((name, args, kwargs or None))


def name_of(fn):
    """As messages call it."""
    return getattr(fn, "__qualname__", None) or repr(fn)


def outcome(answer):
    """(whether it returned, the value or the exception) of an answer."""
    try:
        returned, value, text = _unpack(answer)
        if not returned:
            value = pickle.loads(value)
            value.__cause__ = RemoteTraceback(text)
    except Exception as error:
        what = "the call returned, but its value" if _returned(answer) else "the call raised an exception that"
        failure = PromiseError(f"{what} cannot be rebuilt here: {type(error).__name__}: {error}")
        failure.__cause__ = error
        return False, failure
    return returned, value


def _returned(answer):
    try:
        return _unpack(answer)[0]
    except Exception:
        return True  # an exception is sent so that this much can be read


# ---- The end that answers


class _Main(types.ModuleType):
    """The other end's main module, which is run, under the name __mp_main__, when something of it is asked for."""

    def __init__(self, path, name):
        super().__init__("__mp_main__")
        self.__dict__.update(_path=path, _name=name, __builtins__=builtins)

    def _load(self):
        path, name = self._path, self._name
        self.__dict__["_load"] = lambda: None
        if path is not None:
            self.__dict__["__file__"] = path
            with open(path, "rb") as file:
                code = compile(file.read(), path, "exec")
        elif name is not None:
            spec = importlib.util.find_spec(name)
            code = spec.loader.get_code(name)
            self.__dict__.update(__file__=spec.origin, __package__=spec.parent)
        else:
            return
        exec(code, self.__dict__)

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        self._load()
        try:
            return self.__dict__[name]
        except KeyError:
            pass
        why = "define it in a module that can be imported"
        if self._path or self._name:
            why = "it must be made at the top of the file, before any `if __name__ == '__main__'`"
        raise AttributeError(f"__main__ has no {name!r} in a worker: {why}")


def begin(packed):
    """Makes this process or interpreter like the one whose setup() this is."""
    path, argv, main, name = _unpack(packed)
    sys.path[:] = path
    sys.argv[:] = argv
    sys.modules["__main__"] = sys.modules["__mp_main__"] = _Main(main, name)


def _globals_of(module):
    if module == "__main__":
        main = sys.modules["__main__"]
        main._load()
        return main.__dict__
    return importlib.import_module(module).__dict__ if module else {"__builtins__": builtins}


def _find(description):
    kind, *rest = _unpack(description)
    if kind == "pickle":
        return pickle.loads(rest[0])
    if kind == "name":
        module = sys.modules["__main__"] if rest[0] == "__main__" else importlib.import_module(rest[0])
        return attrgetter(rest[1])(module)
    module, name, code, more = rest
    defaults, named = pickle.loads(more) if more else (None, None)
    fn = types.FunctionType(marshal.loads(code), _globals_of(module), name, defaults)
    fn.__kwdefaults__ = named
    return fn


def _function(description):
    fn = _known.get(description)
    if fn is None:
        fn = _find(description)
        if _is_fixed(fn):
            if len(_known) >= _MOST_KNOWN:
                _known.clear()
            _known[description] = fn
    return fn


def _failure(error):
    """The answer that says that `error` was raised; one that cannot be pickled is described."""
    text = "".join(traceback.format_exception(error))
    try:
        pickled = pickle.dumps(error)
        pickle.loads(pickled)
    except Exception as why:
        said = f"{type(error).__qualname__}: {_text_of(error)}"
        pickled = pickle.dumps(PromiseError(f"{said} (this exception cannot be pickled: {type(why).__name__}: {why})"))
    return _pack((False, pickled, text))


def _text_of(error):
    try:
        return str(error)
    except Exception:
        return "(its text cannot be had)"


def _returning(value):
    try:
        return _pack((True, value, None))
    except Exception as error:
        error.add_note("The call returned; this is why its value cannot be sent back.")
        raise


def answer(asked):
    """Does what a request asks for; the answer."""
    try:
        description, args, kwargs = _unpack(asked)
        value = _function(description)(*args, **kwargs) if kwargs else _function(description)(*args)
        return _returning(value)
    except BaseException as error:
        try:
            return _failure(error)
        finally:
            del error
