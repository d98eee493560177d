# SPDX-License-Identifier: MIT
"""The results of a grading, as the places that collect grades want them. Each file is first written with nothing earned, so
that a grading which is killed earns nothing.

Gradescope: results.json, described in "Autograder Specifications", Output Format
(https://gradescope-autograders.readthedocs.io). Classroom 50: result.json of schema classroom50/result/v1, described in
"Advanced Autograding", The result.json contract (https://github.com/foundation50/classroom50/wiki); its runner gives the
names in the environment.
"""

import datetime
import json
import os
import subprocess

UNFINISHED = {"points": [{"name": "the grader comes to its end", "score": 0, "max": 1,
                          "hint": "It was ended before, or could not begin."}], "notes": []}


def gradescope(results):
    tests = [{"name": p["name"], "score": p["score"], "max_score": p["max"], "output": p["hint"], "visibility": "visible",
              "status": "passed" if p["score"] == p["max"] else "failed"} for p in results["points"]]
    return {"tests": tests, "output": "\n".join(results["notes"]), "visibility": "visible", "stdout_visibility": "hidden"}


def submitted():
    """When the graded commit was made, in UTC; now, if this is no repository."""
    done = subprocess.run(["git", "log", "-1", "--format=%ct"], capture_output=True, text=True)
    if done.returncode == 0 and done.stdout.strip().isdigit():
        when = datetime.datetime.fromtimestamp(int(done.stdout), datetime.timezone.utc)
    else:
        when = datetime.datetime.now(datetime.timezone.utc)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def classroom50(results):
    env = os.environ.get
    tests = [{"test-name": p["name"], "passed": p["score"] == p["max"], "score": p["score"], "max-score": p["max"],
              "output": p["hint"]} for p in results["points"]]
    return {"schema": "classroom50/result/v1", "classroom": env("CLASSROOM", ""), "assignment": env("ASSIGNMENT", ""),
            "submission": env("SUBMISSION_TAG", ""), "commit": env("COMMIT_URL", ""), "release": env("RELEASE_URL", ""),
            "review": env("REVIEW_URL") or env("COMMIT_URL", ""), "datetime": submitted(),
            "score": sum(t["score"] for t in tests), "max-score": sum(t["max-score"] for t in tests), "tests": tests,
            "notes": results["notes"]}


FORMATS = {"gradescope": gradescope, "classroom50": classroom50}


def write(path, kind, results):
    """Put `results` into the file `path`; never half of them."""
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path + ".new", "w") as f:
        json.dump(FORMATS[kind](results), f, indent=1)
        f.write("\n")
    os.replace(path + ".new", path)
