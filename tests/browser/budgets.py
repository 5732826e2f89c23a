"""What a page may cost, and how a walk over it by keyboard looks at each stop."""

import gzip

import brotli

KILO = 1024
MOST_REQUESTS = 5
MOST_HTML = 16 * KILO
MOST_IN_ALL = 46 * KILO
MOST_NODES = 2_500

SHIFTS = """() => new Promise((done) => {
  let sum = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) sum += entry.value;
  }).observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => requestAnimationFrame(() => done(sum)));
})"""

RING = """() => {
  const element = document.activeElement;
  if (!element || element === document.body) return null;
  const style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  const top = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return {
    what: element.outerHTML.slice(0, 120),
    // Inside a frame the page's own element tells nothing: the ring is in there.
    ring: element.tagName === "IFRAME" || style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2,
    onTop: !top || element.contains(top) || top.contains(element),
  };
}"""


def cost_of(answers, *, previews: bool = False) -> list[str]:
    """Say what of the first load of a page is over its budget: requests, its HTML, all in all.

    `previews` is a page that asks for a preview as it opens, and again as somebody types.
    """
    page, *files = answers
    html = len(gzip.compress(page.body()))
    everything = html + sum(len(brotli.compress(one.body())) for one in files)
    over = {
        f"{len(answers)} requests": len(answers) > MOST_REQUESTS + 2 * previews,
        f"HTML of {html} bytes": html > MOST_HTML,
        f"{everything} bytes in all": everything > MOST_IN_ALL + 14 * KILO * previews,
    }
    return [what for what, is_over in over.items() if is_over]


def walk(page, *, steps: int = 80) -> list[str]:
    """Go from stop to stop by Tab: each has a ring and nothing lies on it; return the stops."""
    seen: list[str] = []
    for _ in range(steps):
        page.keyboard.press("Tab")
        stop = page.evaluate(RING)
        if stop is None:
            break
        seen.append(stop["what"])
        assert stop["ring"], f"no ring: {stop['what']}"
        assert stop["onTop"], f"covered: {stop['what']}"
    return seen
