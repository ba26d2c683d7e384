"""TCP echo: the server sends back what it reads. The load generator knows the frames, see io_echo.c."""

KIND = "server"
PARAMS = {"bytes": 1024}


class Workload:
    def __init__(self, params):
        pass
