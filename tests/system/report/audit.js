/* SPDX-License-Identifier: MIT */
// What a careful reader would complain about, as a list of sentences: text over text, text over marks, text cut off,
// a page wider than the screen, too little contrast, drawings without words. Evaluated in the page by report.py.
(() => {
	const complaints = [];
	const shown = (element) => element.checkVisibility() && element.getClientRects().length > 0;
	const hiddenOnPurpose = (element) => element.closest("thead, title, desc, style, script") !== null &&
		getComputedStyle(element.closest("thead, title, desc, style, script")).position !== "static";

	// Every line of every text, as [rectangle, text, element].
	function lines() {
		const found = [];
		const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
		for (let node = walker.nextNode(); node; node = walker.nextNode()) {
			const element = node.parentElement;
			if (!node.data.trim() || !shown(element) || hiddenOnPurpose(element) || element.closest("title, desc"))
				continue;
			const range = document.createRange();
			range.selectNodeContents(node);
			for (const rect of range.getClientRects())
				if (rect.width > 0.5 && rect.height > 0.5)
					found.push([rect, node.data.trim(), element]);
		}
		return found;
	}

	// Inline boxes are as high as the font's ascent and descent, so neighbouring lines may share a little.
	function overlap(a, b) {
		const across = Math.min(a.right, b.right) - Math.max(a.left, b.left);
		const down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
		return across > 1 && down > 0.3 * Math.min(a.height, b.height);
	}

	function textOverText(all) {
		all.sort((a, b) => a[0].top - b[0].top);
		for (let i = 0; i < all.length; i++)
			for (let j = i + 1; j < all.length && all[j][0].top < all[i][0].bottom; j++)
				if (overlap(all[i][0], all[j][0]))
					complaints.push(`"${all[i][1]}" lies over "${all[j][1]}"`);
	}

	function textOverMarks() {
		for (const svg of document.querySelectorAll("svg")) {
			if (!shown(svg))
				continue;
			const marks = [...svg.querySelectorAll(".mark, .stay, .solid, .added")].map((m) => m.getBoundingClientRect());
			for (const text of svg.querySelectorAll("text"))
				if (marks.some((m) => overlap(m, text.getBoundingClientRect())))
					complaints.push(`"${text.textContent}" lies over a mark`);
		}
	}

	function textCutOff(all) {
		const width = document.documentElement.clientWidth;
		if (document.documentElement.scrollWidth > width)
			complaints.push(`the page is ${document.documentElement.scrollWidth} wide, the screen ${width}`);
		for (const [rect, text, element] of all) {
			if (rect.left < -0.5 || rect.right > width + 0.5)
				complaints.push(`"${text}" reaches out of the screen`);
			for (let e = element; e && e !== document.body; e = e.parentElement) {
				const box = e.getBoundingClientRect();
				const cuts = e.tagName === "svg" || getComputedStyle(e).overflowX !== "visible";
				if (cuts && (rect.left < box.left - 1 || rect.right > box.right + 1 || rect.top < box.top - 2 || rect.bottom > box.bottom + 2))
					complaints.push(`"${text}" is cut off by its ${e.tagName}`);
			}
		}
	}

	// WCAG 2.1, Contrast (Minimum): relative luminance, (lighter + 0.05) / (darker + 0.05).
	function luminance(colour) {
		const [r, g, b] = colour.match(/[\d.]+/g).slice(0, 3).map((v) => v / 255)
			.map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
		return 0.2126 * r + 0.7152 * g + 0.0722 * b;
	}
	function background(element) {
		for (let e = element; e; e = e.parentElement) {
			const colour = getComputedStyle(e).backgroundColor;
			if (!colour.endsWith(", 0)") && colour !== "transparent")
				return colour;
		}
		return "rgb(255, 255, 255)";
	}
	function contrast(a, b) {
		const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y);
		return (high + 0.05) / (low + 0.05);
	}
	function tooPale(all) {
		for (const [, text, element] of all) {
			const style = getComputedStyle(element);
			const found = contrast(element instanceof SVGElement ? style.fill : style.color, background(element));
			if (found < 4.5)
				complaints.push(`"${text}" has a contrast of ${found.toFixed(1)}`);
		}
		for (const mark of document.querySelectorAll("svg .mark"))
			if (shown(mark) && contrast(getComputedStyle(mark).stroke, background(mark)) < 3)
				complaints.push(`a mark of ${mark.getAttribute("class")} is too pale`);
	}

	// On a desk: the last row of a figure holds one panel, and the first more than two.
	function alone() {
		for (const panels of document.querySelectorAll(".panels")) {
			const tops = [...panels.children].filter(shown).map((p) => Math.round(p.getBoundingClientRect().top));
			const inRow = (top) => tops.filter((t) => t === top).length;
			if (tops.length > 2 && inRow(tops[0]) > 2 && inRow(tops.at(-1)) === 1)
				complaints.push(`the last of ${tops.length} panels stands alone in its row`);
		}
	}

	function wordless() {
		for (const svg of document.querySelectorAll("svg:not([aria-hidden])"))
			if (!svg.querySelector(":scope > title")?.textContent || !svg.querySelector(":scope > desc")?.textContent)
				complaints.push("a drawing without title or description");
		for (const id of new Set([...document.querySelectorAll("[id]")].map((e) => e.id)))
			if (document.querySelectorAll(`[id="${id}"]`).length > 1)
				complaints.push(`two elements are called ${id}`);
	}

	const all = lines();
	if (all.length < 50)
		complaints.push(`only ${all.length} lines of text are to be seen`);
	textOverText(all);
	textOverMarks();
	textCutOff(all);
	tooPale(all);
	alone();
	wordless();
	return complaints;
})()
