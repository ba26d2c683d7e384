"""The founding example: a name gives an id, the id gives the details. What is asked, as in io_employee.c; how, is up to the models."""

KIND = "client"
PARAMS = {"record": 256, "delay_us": 1000}
EMPLOYEES = 100000
DANGLING = 1000


def lcg(x):
    return (1103515245 * x + 12345) & 0x7FFFFFFF


def name_of(seed, op):
    """The name that op asks for."""
    x = lcg(lcg(lcg((seed + op) & 0x7FFFFFFF)))
    if op % 100 == 37:
        return f"nob{x * EMPLOYEES >> 31:06d}"
    if op % 100 == 73:
        return f"gone{x * DANGLING >> 31:06d}"
    return f"emp{x * EMPLOYEES >> 31:06d}"


def id_key(name):
    return f"employee:id:{name}"


def record_key(employee_id):
    return f"employee:{employee_id.decode()}"


def outcome(name, employee_id, record):
    """(class, result bytes) of an op that found this id and this record, either of which may be None."""
    if employee_id is None:
        return "miss", b""
    if record is None:
        return "error", name.encode()
    return "hit", name.encode() + record


class Workload:
    def __init__(self, params):
        self.names = [name_of(params["seed"], op) for op in range(params["ops"])]
