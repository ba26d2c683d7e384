"""TCP echo: the server sends back what it reads. Only the load generator knows the frames, see io_echo.c."""

KIND = "server"
PARAMS = {"bytes": 1024}


class Workload:
    def __init__(self, params):
        pass
