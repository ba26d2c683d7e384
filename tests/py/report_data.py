"""A results.json with something of everything that a report draws, made from laws instead of measurements: for tests of the report alone.

What is said of a cell follows from its law: N processes whose numbers differ by a per cent or two, the same in every call."""

import json
import random


def _bucket(ns):
    ns = max(0, int(ns))
    if ns < 64:
        return ns
    e = ns.bit_length() - 1 - 5
    return 32 * e + (ns >> e)


def _usage(cpu_ns, share, switches):
    user = int(cpu_ns * share)
    return {"cpu_ns": int(cpu_ns), "cpu_user_ns": user, "cpu_sys_ns": int(cpu_ns) - user, "nvcsw": int(switches), "nivcsw": int(switches / 9)}


def _sample(spread, kind, ops, rate, cpu_ns_op, p50, p99, offered):
    hist = [[_bucket(p50 * spread), ops - ops // 50], [_bucket(p99 * spread), ops // 50]]
    sample = {"ns": int(ops / rate * 1e9 * spread), "ops": ops, "hit": ops, "miss": 0, "error": 0, "digest": "0123456789abcdef", "warmup": False}
    sample["usage"] = _usage(ops * cpu_ns_op * spread, 0.7, ops * 0.2)
    sample["latency_ns_hist"] = hist
    if kind == "server":
        sample["client"] = {"cpu_ns": 1000, "offered_ns": int(ops / offered * 1e9) if offered else 0, "late_ns": 0, "late_max_ns": 0, "waited": 0}
    if offered:
        sample["latency_corrected_ns_hist"] = [[b + 4, n] for b, n in hist]
    return sample


def cell(workload, kind, model, params, rate=1000, cpu=1e5, p50=1e5, p99=3e5, pss=2e7, startup=4e7, python="", reps=5, seed=0):
    """One benchmark of results.json; times in ns, memory in bytes."""
    ops = 2000
    params = {**params, "ops": str(ops)}
    text = ",".join(f"{k}={v}" for k, v in params.items())
    id = f"{workload}/{model}{'@' + python if python else ''}/{text}"
    chance = random.Random(f"{id} {seed}")
    c = model.startswith(("pthreads", "cloop"))
    attest = {"gil": "none" if c else "on", "runtime": "c" if c else "cpython-3.11.7", "loop": "none", "interp": "0", "affinity": "0", "build": "none"}
    attest.update(start_method="none", debug="no")
    offered = float(params.get("rate", 0))
    made = []
    for rep in range(reps):
        sample = _sample(chance.uniform(0.98, 1.02), kind, ops, rate, cpu, p50, p99, offered)
        made.append({"rep": rep, "startup_ns": int(startup * chance.uniform(0.97, 1.03)), "peak_rss_b": int(pss), "pss_b": int(pss * chance.uniform(0.99, 1.01))})
        made[-1].update(lifetime=_usage(1e9, 0.7, 100), attest=attest, attest_at_end=attest, cpus_planned="0", cpus_observed="0", peer_cpus="1")
        made[-1].update(shared_core=False, samples=[sample], void="", void_code=0)
    return {
        **{"id": id, "workload": workload, "kind": kind, "model": model, "python": python, "params": params, "samples": 1, "warmup": 0},
        **{"cores": int(params.get("workers", 1)), "peer_cores": 0, "timeout_s": 30, "not_run": "", "void": "", "client_bound": "", "baseline": "", "summary": {}, "reps": made},
    }


IO_MODELS = {"threads": 30e3, "asyncio": 28e3, "promise:await": 10e3, "pthreads": 7e3}
CPU_MODELS = {"threads": 0.97, "procs:fork": 1.95, "promise:chain": 1.0}


def _cpu_cells(seed, python):
    for workload, rate in (("cpu_queens", 300), ("cpu_sha256", 900)):
        yield cell(workload, "cpu", "serial", {"workers": "1", "n": "10"}, rate, 1e9 / rate, seed=seed, python=python)
        for model, gain in CPU_MODELS.items():
            for workers in (1, 2):
                speed = rate * (gain if workers == 2 else 1) * (2 if workload == "cpu_sha256" and model == "threads" and workers == 2 else 1)
                params = {"workers": str(workers), "n": "10"}
                yield cell(workload, "cpu", model, params, speed, 1e9 / rate, pss=3e7 * (2 if "procs" in model else 1), seed=seed, python=python)
    for steps in (0, 100, 10000):
        for model, dispatch in (("serial", 50), ("threads", 7000), ("procs:fork", 90000)):
            rate = 1e9 / (dispatch + steps * 90)
            yield cell("cpu_grain", "cpu", model, {"workers": "1" if model == "serial" else "2", "steps": str(steps)}, rate, 1e9 / rate, seed=seed, python=python)
    for steps in (2, 8):
        for model, ns in (("serial", 50), ("style_promise:chain", 260), ("style_asyncio:await", 900)):
            yield cell("sty_chain", "cpu", model, {"workers": "1", "steps": str(steps)}, 1e9 / ns / steps, ns * steps, seed=seed, python=python)


def _io_cells(seed, python):
    for model, ns in IO_MODELS.items():
        for flight in (1, 64):
            params = {"bytes": "1024", "concurrency": str(flight)}
            yield cell("io_echo", "server", model, params, min(flight, 8) * 2e8 / ns, ns, flight * ns, 3 * flight * ns, seed=seed, python=python)
        for rate in (1000, 8000, 16000):
            wait = ns / max(0.05, 1 - rate * ns / 6e8)
            params = {"bytes": "1024", "concurrency": "64", "rate": str(rate), "arrivals": "poisson"}
            yield cell("io_echo", "server", model, params, rate, ns, wait, 5 * wait, seed=seed, python=python)
        for interval in (1000, 5000, 20000):
            p50 = 4e4 + (interval * 1020 if model == "threads" else 200 if model == "pthreads" else interval * 1010)
            params = {"concurrency": "1", "spinners": "1", "interval_us": str(interval)}
            yield cell("mix_convoy", "server", model, params, 1e9 / p50, ns, p50, 2 * p50, seed=seed, python=python)
        for f in (0, 100, 1000):
            params = {"concurrency": "64", "f": str(f), "total_us": "10000"}
            yield cell("mix_cross", "server", model, params, min(6400, 1e9 / (ns + f * 1e4)), ns + f * 1e4, 1e7, 2e7 + f * 1e6, seed=seed, python=python)
        for tasks in (100, 1000, 10000):
            each = {"threads": 70000, "asyncio": 2600, "uvloop": 2500, "pthreads": 9000}.get(model, 700)
            yield cell("mem_wait", "wait", model, {"concurrency": str(tasks)}, 1000, ns, pss=1.5e7 + tasks * each, seed=seed, python=python)


def results(path, seed=0, pythons=("",), only="", without="", **more):
    """Writes results.json: all workloads, or words of them; `more` replaces fields of the document."""
    made = (c for python in pythons for make in (_cpu_cells, _io_cells) for c in make(seed, python))
    cells = [c for c in made if c["workload"] not in without.split() and (not only or c["workload"] in only.split())]
    seen = {}
    document = {
        **{"schema": "gilbench/result", "schema_version": "1.1", "run_id": f"2026010{seed + 1}T000000Z-law", "created_utc": "2026-01-01T00:00:00Z"},
        **{"matrix": "laws", "matrix_text": "# made by a test\n", "seed": 42, "reps": 5, "interrupted": False},
        **{"facts": {"python": "cpython-3.11.7", "cpu_model": "a law", "topology": "2 cores", "commit": "0123456789ab", "store": "embedded"}},
        **{"benchmarks": [seen.setdefault(c["id"], c) for c in cells if c["id"] not in seen], **more},
    }
    with open(path, "w") as file:
        json.dump(document, file)
    return document
