"""A made-up registry: tables of any length, drawn column by column, without rows that contradict themselves."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from secondline.facts import catalogue

ROW_GROUP = 131_072
INHIBITORS = ("palbociclib", "ribociclib", "abemaciclib")
DRUGS = ("letrozole", "anastrozole", "fulvestrant", "exemestane", "everolimus", "capecitabine", "tamoxifen")
NUMBERS: dict[str, tuple[float, float, int]] = {  # the middle, the spread, the digits
    "patient.age_years": (61, 11, 0), "disease.er.percent": (80, 25, 0), "safety.qtcf_ms": (425, 22, 0),
    "safety.neutrophils_10e9_per_l": (3.2, 1.2, 1), "safety.platelets_10e9_per_l": (220, 60, 0),
    "safety.alt_x_uln": (0.9, 0.8, 1), "safety.bilirubin_x_uln": (0.7, 0.4, 1),
    "safety.creatinine_clearance_ml_min": (80, 22, 0), "safety.hba1c_percent": (5.8, 0.9, 1),
    "safety.fasting_glucose_mmol_l": (5.4, 1.0, 1), "safety.potassium_mmol_l": (4.2, 0.4, 1),
    "safety.lvef_percent": (60, 6, 0), "safety.haemoglobin_g_per_dl": (12.3, 1.3, 1), "prior_cdk46.months": (17, 11, 1),
    "prior_cdk46.months_since_stop": (3, 3, 1), "history.months_on_adjuvant_endocrine": (48, 20, 0),
    "history.months_from_adjuvant_endocrine_to_relapse": (30, 30, 0),
}  # fmt: skip
SHARES: dict[str, tuple[float, ...]] = {  # of the values in the order of the catalogue; the first mostly
    "disease.extent": (0.01, 0.05, 0.94), "patient.sex": (0.99, 0.01), "disease.her2": (0.03, 0.97),
    "progression.status": (0.05, 0.05, 0.8, 0.1), "patient.menopausal_status": (0.15, 0.05, 0.8),
    "prior_cdk46.setting": (0.01, 0.09, 0.9), "prior_cdk46.stopped_for": (0.8, 0.08, 0.02, 0.03, 0.05, 0.02),
}  # fmt: skip
RARE = ("patient.pregnant", "disease.visceral_crisis", "disease.symptomatic_cns", "safety.ild", "safety.insulin")
UNKNOWN = 0.25  # the share of cells that are empty
ALWAYS = ("disease.extent", "disease.her2", "prior_cdk46.agent", "progression.status", "disease.er")


def registry(rows: int, seed: int, first: int = 0) -> pa.Table:
    """So many made-up patients, of whom a quarter of the facts are not known."""
    random = np.random.default_rng([seed, first])
    columns: dict[str, Any] = {"id": pa.array(np.char.add("p", (np.arange(rows) + first).astype(str)))}
    columns["jurisdiction"] = _words(random, ("us", "eu", "none"), rows, (0.4, 0.4, 0.2), 0)
    men = random.random(rows) < 0.01
    for path, fact in catalogue().items():
        if (fact.main and path != "disease.er.percent") or path in ("disease.er", "disease.pr", "prior_cdk46.agents"):
            continue
        unknown = 0.02 if path in ALWAYS else UNKNOWN
        if fact.numeric:
            columns[path] = _numbers(random, path, rows, unknown, whole=fact.kind == "integer")
        elif fact.kind == "boolean":
            share = 0.02 if path in RARE else 0.15
            columns[path] = pa.array(random.random(rows) < share, mask=random.random(rows) < unknown)
        elif fact.kind == "choice":
            columns[path] = _words(random, fact.values, rows, SHARES.get(path), unknown)
        elif fact.kind == "set":
            names = fact.values or (DRUGS if path.endswith("agents") else ("aromatase-inhibitor", "chemotherapy"))
            columns[path] = _sets(random, names, rows, unknown)
    columns["disease.pr"] = _words(random, ("positive", "negative"), rows, (0.7, 0.3), UNKNOWN)
    columns["patient.sex"] = pa.array(np.where(men, "male", "female")).dictionary_encode()
    for path in ("patient.menopausal_status", "patient.ovarian_suppression", "patient.pregnant"):
        columns[path] = pa.compute.if_else(
            pa.array(men), None, columns[path].cast(pa.string()) if path.endswith("status") else columns[path]
        )
    agents = [
        None if agent is None else [] if agent == "none" else [agent]
        for agent in columns["prior_cdk46.agent"].to_pylist()
    ]
    columns["prior_cdk46.agents"] = pa.array(agents, pa.list_(pa.string()))
    molecular = pa.compute.equal(columns["progression.status"].cast(pa.string()), "molecular").fill_null(False)
    columns["biomarkers.esr1"] = pa.compute.if_else(molecular, "mutated", columns["biomarkers.esr1"].cast(pa.string()))
    return pa.table(columns)


def _words(
    random: np.random.Generator, values: tuple[str, ...], rows: int, shares: tuple[float, ...] | None, unknown: float
) -> pa.Array:
    places = random.choice(len(values), size=rows, p=shares).astype(np.int32)
    held = pa.array(places, mask=random.random(rows) < unknown)
    return pa.DictionaryArray.from_arrays(held, pa.array(values))


def _numbers(random: np.random.Generator, path: str, rows: int, unknown: float, *, whole: bool) -> pa.Array:
    fact = catalogue()[path]
    low, high = fact.low or 0, fact.high if fact.high is not None else 900
    if path in NUMBERS:
        middle, spread, digits = NUMBERS[path]
        held = np.clip(np.round(random.normal(middle, spread, rows), digits), low, high)
    else:
        held = np.clip(random.poisson(0.8, rows) + low, low, high)
    return pa.array(held.astype(np.int64) if whole else held, mask=random.random(rows) < unknown)


def _sets(random: np.random.Generator, names: tuple[str, ...], rows: int, unknown: float) -> pa.Array:
    counts = random.choice(4, size=rows, p=(0.3, 0.4, 0.2, 0.1)).clip(max=len(names))
    offsets = np.zeros(rows + 1, dtype=np.int32)
    np.cumsum(counts, out=offsets[1:])
    starts = random.integers(0, len(names), rows)
    steps = np.arange(offsets[-1]) - np.repeat(offsets[:-1], counts)
    places = ((np.repeat(starts, counts) + steps) % len(names)).astype(np.int32)
    values = pa.array(names).take(pa.array(places))
    held = pa.ListArray.from_arrays(pa.array(offsets), values)
    return pa.compute.if_else(pa.array(random.random(rows) < unknown), pa.scalar(None, held.type), held)


def write(path: Path, rows: int, seed: int = 1) -> None:
    """A registry as a Parquet file, in row groups, whatever its length."""
    writer = None
    for first in range(0, rows, ROW_GROUP):
        table = registry(min(ROW_GROUP, rows - first), seed, first)
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd", compression_level=1)
        writer.write_table(table, row_group_size=ROW_GROUP)
    if writer:
        writer.close()


def write_csv(path: Path, rows: int, seed: int = 1) -> None:
    """The same as a file of text, sets joined by `;`."""
    table = registry(rows, seed)
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(table.column_names)
        writer.writerows(zip(*(map(_cell, table.column(name).to_pylist()) for name in table.column_names), strict=True))


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return ";".join(value) or "none"
    return str(value).lower() if isinstance(value, bool) else value


def copying(source: Path, copy: Path) -> str:
    """A program that copies a registry by polars: the same codec, level and row groups."""
    return (
        f"import polars as pl; pl.read_parquet({str(source)!r})"
        f".write_parquet({str(copy)!r}, compression='zstd', compression_level=1, row_group_size={ROW_GROUP})"
    )
