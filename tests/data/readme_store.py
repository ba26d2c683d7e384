"""What the README's first block finds: a store that answers in a moment, and a log."""

import cpromise as cp

ANSWERS = {"employee:id:ada": "7", "employee:7": '{"name": "ada"}'}
log = []


class store:
    @staticmethod
    def get(key):
        return cp.sleep(0.001, ANSWERS.get(key))
