"""The founding example: a name gives an id, the id gives the details, and they may give those of the boss, and so on.
What is asked, and what the answers amount to, as in io_employee.c; how it is asked is the models' business."""

import json

KIND = "client"
PARAMS = {"employees": 100000, "record": 256, "delay_us": 1000, "chain": 2, "join": 0}
LEAVERS = 1000
IDS = 1000003


def lcg(x):
    return (1103515245 * x + 12345) & 0x7FFFFFFF


def number_of(seed, op, employees):
    """Of a person."""
    return lcg(lcg(lcg((seed + op) & 0x7FFFFFFF))) * employees >> 31


def name_of(seed, op, employees):
    """The name that op asks for."""
    if op % 100 == 37:
        return f"nob{number_of(seed, op, employees):06d}"
    if op % 100 == 73:
        return f"gone{number_of(seed, op, LEAVERS):06d}"
    return f"emp{number_of(seed, op, employees):06d}"


def id_key(name):
    return f"employee:id:{name}"


def record_key(employee_id):
    return f"employee:{employee_id.decode()}"


def boss_of(record):
    """The id of the boss, as a store gives ids."""
    return b"%d" % json.loads(record)["boss"]


def outcome(name, employee_id, record):
    """(class, result bytes) of an op that found this id and this record, either of which may be None."""
    if employee_id is None:
        return "miss", b""
    if record is None:
        return "error", name.encode()
    return "hit", name.encode() + record


def id_of(i):
    return (7919 * i + 104729) % IDS


def record_of(i, size):
    id = id_of(i)
    text = (
        f'{{"id":{id},"name":"emp{i:06d}","dept":{id % 97},"salary":{30000 + 37 * id % 90000},'
        f'"boss":{id_of(i // 10)}}}'
    )
    return text.ljust(size)


def contents(employees, size):
    """(key, value) of all that the store holds."""
    for i in range(employees):
        yield id_key(f"emp{i:06d}"), str(id_of(i))
        yield f"employee:{id_of(i)}", record_of(i, size)
    for i in range(LEAVERS):
        yield id_key(f"gone{i:06d}"), str(IDS + i)


class Workload:
    def __init__(self, params):
        self.chain, self.join = params["chain"], params["join"]
        self.names = [name_of(params["seed"], op, params["employees"]) for op in range(params["ops"])]
