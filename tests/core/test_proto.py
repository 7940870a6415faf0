"""The generated protobuf code is what `events.proto` describes.

The text is compared with the generated descriptor by a small reader of the language, since the
compiler that would do it is bound to other versions of protobuf than TensorBoard.
"""

from __future__ import annotations

import re
from pathlib import Path

from google.protobuf import descriptor_pb2

import epochline
from epochline import events_pb2

PROTO = Path(epochline.__file__).with_name("events.proto")
_FIELD = re.compile(r"(optional |repeated |)(\w+) (\w+) = (\d+);")
_VALUE = re.compile(r"(\w+) = (\d+);")
_SCALARS = {"string", "double", "bool", "int64", "sint64", "uint32", "uint64"}

Row = tuple[str, str, str, int, str]


def _described() -> tuple[set[Row], set[tuple[str, str, int]]]:
    """Returns (message, label, name, number, type) and (enum, name, number) of `events.proto`."""
    text = re.sub(r"//.*", "", PROTO.read_text())
    rows: set[Row] = set()
    values: set[tuple[str, str, int]] = set()
    for kind, name, body in re.findall(r"(message|enum) (\w+) \{(.*?)\n\}", text, re.DOTALL):
        if kind == "enum":
            values |= {(name, value, int(number)) for value, number in _VALUE.findall(body)}
            continue
        for label, type_, field, number in _FIELD.findall(body):
            shown = "oneof" if "oneof" in body else label.strip()
            rows.add((name, shown, field, int(number), type_))
    return rows, values


def _generated() -> tuple[set[Row], set[tuple[str, str, int]]]:
    file = descriptor_pb2.FileDescriptorProto()
    events_pb2.DESCRIPTOR.CopyToProto(file)
    rows = {
        (message.name, _label(field), field.name, field.number, _type(field))
        for message in file.message_type
        for field in message.field
    }
    values = {
        (enum.name, value.name, value.number) for enum in file.enum_type for value in enum.value
    }
    return rows, values


def _label(field: descriptor_pb2.FieldDescriptorProto) -> str:
    if field.label == field.LABEL_REPEATED:
        return "repeated"
    if field.proto3_optional:
        return "optional"
    return "oneof" if field.HasField("oneof_index") else ""


def _type(field: descriptor_pb2.FieldDescriptorProto) -> str:
    if field.type_name:
        return field.type_name.rpartition(".")[2]
    return descriptor_pb2.FieldDescriptorProto.Type.Name(field.type).removeprefix("TYPE_").lower()


def test_generated_code_has_the_fields_of_the_description() -> None:
    """Names, numbers, types and labels of all fields are the same."""
    rows, _ = _described()
    assert rows == _generated()[0]
    assert {type_ for *_, type_ in rows if type_.islower()} <= _SCALARS


def test_generated_code_has_the_enums_of_the_description() -> None:
    """Names and numbers of all enum values are the same."""
    values = _described()[1]
    assert values
    assert values == _generated()[1]


def test_numbers_are_used_once() -> None:
    """No two fields of a message share a number."""
    rows, _ = _described()
    assert len({(message, number) for message, _, _, number, _ in rows}) == len(rows)
