/* SPDX-License-Identifier: MIT */
// What the tables and figures say, for report.py to compare with the files that the page was made from.
(() => ({
	numbers: [...document.querySelectorAll("data")].map((d) => ({
		key: d.dataset.key, ratio: d.dataset.ratio, value: Number(d.value), text: d.textContent,
	})),
	// Digits in a table's cells that no <data> accounts for. Names of functions and arrangements may have digits.
	stray: [...document.querySelectorAll("td:not(.functions, .words)")].filter((td) => {
		const copy = td.cloneNode(true);
		copy.querySelectorAll("data, i").forEach((d) => d.remove());
		return /\d/.test(copy.textContent);
	}).map((td) => td.textContent),
	figures: [...document.querySelectorAll("figure")].map((f) => ({
		unit: f.querySelector(".unit-line").textContent, caption: f.querySelector("figcaption").textContent,
		drawings: f.querySelectorAll("svg").length, tables: f.querySelectorAll("table").length,
	})),
}))()
