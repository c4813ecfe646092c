"""Runs the tests beside it and ends with a line as cargo prints it, which tests/run adds up. No network."""

import sys
import time
import unittest
from pathlib import Path

HERE = Path(__file__).parent


class Sentences(unittest.TextTestResult):
    """Prints a test as the sentence that its name is."""

    def getDescription(self, test):
        name, _, part = test.id().partition(" ")  # a subtest says which part of the test it is
        group, sentence = name.split(".")[-2:]
        return f"{group.lower()}: {sentence.removeprefix('test_').replace('_', ' ')} {part}".rstrip()


def main():
    began = time.monotonic()
    loader = unittest.TestLoader()
    tests = loader.loadTestsFromNames(sys.argv[1:]) if sys.argv[1:] else loader.discover(str(HERE))
    result = unittest.TextTestRunner(sys.stdout, verbosity=2, resultclass=Sentences).run(tests)
    # Subtests of one test fail one by one, and count as one.
    failed = {test.id().split(" ")[0] for test, _ in result.failures + result.errors}
    failed |= {test.id() for test in result.unexpectedSuccesses}
    passed = result.testsRun - len(failed)
    print(
        f"test result: {'FAILED' if failed else 'ok'}. {passed} passed; {len(failed)} failed; {len(result.skipped)} ignored; "
        f"0 measured; 0 filtered out; finished in {time.monotonic() - began:.2f}s"
    )
    return 1 if failed or not result.testsRun else 0


if __name__ == "__main__":
    sys.exit(main())
