"""Many requests at once to the store of io_employee, and the sum of the answers. As in io_fanout.c."""

import io_employee

KIND = "client"
PARAMS = {"fan": 16, "employees": 100000, "record": 256, "delay_us": 1000}


class Workload:
    def __init__(self, params):
        seed, fan, employees = params["seed"], params["fan"], params["employees"]
        numbers = (io_employee.number_of(seed, id, employees) for id in range(fan * params["ops"]))
        names = [f"emp{number:06d}" for number in numbers]
        self.names = [names[at : at + fan] for at in range(0, len(names), fan)]  # of each op

    def found(self, ids):
        return sum(map(int, ids)).to_bytes(8, "little")
