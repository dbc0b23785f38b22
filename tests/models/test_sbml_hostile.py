"""Documents made to harm: each ends in one sentence, in a process of its own with little time and memory."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>{}<sbml xmlns="http://www.sbml.org/sbml/level3/version2/core" level="3" '
    'version="2"><model id="m">'
)
TAIL = "</model></sbml>"
MANY = 10_000

#: Python that prints a hostile document: too large to be an argument, so each is made where it is read.
DOCUMENTS = {
    "functions that call one another in a chain": (
        "'<listOfFunctionDefinitions>' + ''.join(function(i, call(i - 1)) for i in range(MANY))"
        " + '</listOfFunctionDefinitions>'"
    ),
    "functions that double at every call": (
        "'<listOfFunctionDefinitions>' + ''.join(function(i, '<apply><plus/>' + 2 * call(i - 1) + '</apply>')"
        " for i in range(MANY)) + '</listOfFunctionDefinitions>'"
    ),
    "rules in a chain": "parameters + rules(lambda i: f'<ci>r{i - 1}</ci>')",
    "rules in a circle": "parameters + rules(lambda i: f'<ci>r{i - 1 if i > 1 else MANY - 1}</ci>')",
    "algebraic rules": (
        "parameters + '<listOfRules>' + ''.join('<algebraicRule>' + math(f'<ci>r{i}</ci>') + '</algebraicRule>'"
        " for i in range(MANY)) + '</listOfRules>'"
    ),
    "elements nested in elements": "'<notes>' + '<p>' * MANY + '</p>' * MANY + '</notes>'",
    "operators nested in operators": (
        "parameters + rules(lambda i: '<apply><sin/>' * MANY + '<cn>1</cn>' + '</apply>' * MANY, 2)"
    ),
    "a piecewise of many pieces": (
        "parameters + rules(lambda i: '<piecewise>' + '<piece><cn>1</cn><true/></piece>' * MANY + '</piecewise>', 2)"
    ),
    "a name that is Python": "parameters.replace('r1\"', '__import__(&quot;os&quot;).abort()\"')",
    "initial values in a chain": (
        "parameters + '<listOfInitialAssignments>' + ''.join(f'<initialAssignment symbol=\"r{i}\">'"
        " + math(f'<apply><plus/><ci>r{i - 1}</ci><cn>1</cn></apply>') + '</initialAssignment>'"
        " for i in range(1, MANY)) + '</listOfInitialAssignments>'"
    ),
}
ENTITIES = {
    "entities that double": "".join(f"<!ENTITY a{i} '&a{i - 1};&a{i - 1};'>" for i in range(1, 60)),
    "an entity from a file": '<!ENTITY e SYSTEM "file:///etc/passwd">',
    "an entity from the network": '<!ENTITY e SYSTEM "http://127.0.0.1:9/never">',
}

PROGRAM = """
import sys
import time
from offtarget.errors import InputError
from offtarget.models.sbml import read_model
try:
    import resource
except ImportError:
    pass
else:
    seconds = int(time.process_time()) + 6
    resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))

MANY = {many}
def math(inner):
    return '<math xmlns="http://www.w3.org/1998/Math/MathML">' + inner + "</math>"
def call(i):
    return f"<apply><ci>f{{i}}</ci><ci>x</ci></apply>" if i >= 0 else "<ci>x</ci>"
def function(i, body):
    inner = math("<lambda><bvar><ci>x</ci></bvar>" + body + "</lambda>")
    return f'<functionDefinition id="f{{i}}">' + inner + "</functionDefinition>"
def rules(body, last=MANY):
    each = (f'<assignmentRule variable="r{{i}}">' + math(body(i)) + "</assignmentRule>" for i in range(1, last))
    return "<listOfRules>" + "".join(each) + "</listOfRules>"
parameters = "".join(f'<parameter id="r{{i}}" value="1" constant="false"/>' for i in range(MANY))
parameters = "<listOfParameters>" + parameters + "</listOfParameters>"
text = {head!r} + {document} + {tail!r}
try:
    read_model(text, where="m.xml")
except InputError as problem:
    assert "\\n" not in str(problem)
    print(problem)
"""


def _said(document: str, kind: str = "") -> str:
    program = PROGRAM.format(many=MANY, head=HEAD.format(kind), document=document, tail=TAIL)
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=300, check=False
    )
    assert ran.returncode == 0, ran.stderr[-500:]
    return ran.stdout.strip()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_made_to_harm_ends_in_a_sentence_within_five_seconds_and_a_gigabyte(name: str) -> None:
    assert _said(DOCUMENTS[name]).startswith("m.xml: ")


@pytest.mark.parametrize("name", ENTITIES)
def test_entities_are_neither_expanded_nor_fetched(name: str) -> None:
    assert "document type" in _said(
        "'<notes>&a59;&e;</notes>'", f"<!DOCTYPE b [<!ENTITY a0 'ha'>{ENTITIES[name]}]>"
    )
