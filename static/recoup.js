"use strict";
// Small behaviours on top of pages that work without them. One delegated listener each, no globals.
(() => {
  const root = document;
  const on = (type, handle, options) => root.addEventListener(type, handle, options);
  const say = (text) => {
    const live = root.getElementById("live");
    if (live) live.textContent = text;
  };

  // Dialogs: <button command="show-modal" commandfor="id">; browsers that know it need no help.
  if (!("commandForElement" in HTMLButtonElement.prototype)) {
    on("click", (event) => {
      const button = event.target.closest("button[commandfor]");
      const dialog = button && root.getElementById(button.getAttribute("commandfor"));
      if (!dialog) return;
      if (button.getAttribute("command") === "show-modal") dialog.showModal();
      else dialog.close();
    });
  }

  // <a data-dialog="id" href="…">: the dialog stands in for the page behind the link.
  on("click", (event) => {
    const link = event.target.closest("a[data-dialog]");
    const dialog = link && root.getElementById(link.dataset.dialog);
    if (!dialog || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    // A link in a menu is gone when the dialog closes: the menu's button gets the focus back.
    const menu = link.closest("[popover]");
    const opener = menu ? root.querySelector(`[popovertarget="${menu.id}"]`) : link;
    dialog.addEventListener("close", () => opener?.focus(), { once: true });
    dialog.showModal();
  });

  // A form sends once: a second click while it is under way does nothing.
  on("submit", (event) => {
    const form = event.target;
    if (form.method !== "post" || form.hasAttribute("hx-post")) return;
    // A download leaves the page where it is: its dialog has done its work.
    if (form.hasAttribute("data-again")) return form.closest("dialog")?.close();
    if (form.dataset.sent) event.preventDefault();
    else if (!event.defaultPrevented) form.dataset.sent = "yes";
  });
  addEventListener("pageshow", () => {
    for (const form of root.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
  });

  // <button data-insert="text"> puts it where the cursor was last in its form.
  let written = null;
  on("focusout", (event) => {
    if (event.target.matches('textarea, input[type="text"]')) written = event.target;
  });
  on("click", (event) => {
    const form = event.target.closest("[data-insert]")?.form;
    if (!form) return;
    const field = written?.form === form ? written : form.querySelector("textarea");
    const text = event.target.closest("[data-insert]").dataset.insert;
    field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
    field.focus();
    field.dispatchEvent(new Event("input", { bubbles: true }));
  });

  // Copy: <button data-copy="text">; the button itself says so.
  on("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      say(button.dataset.done);
      button.dataset.copied = "yes";
      setTimeout(() => delete button.dataset.copied, 2000);
    } catch {
      say(button.dataset.failed);
    }
  });

  // Save bar: <form data-guard>. The bar shows once something differs; leaving asks first.
  const print = (form) => {
    const pairs = [...new FormData(form)].filter(([name]) => name !== "csrfmiddlewaretoken");
    return JSON.stringify(pairs.map(([name, value]) => [name, String(value)]));
  };
  const guarded = new Map();
  const watch = (form) => {
    const bar = form.querySelector("[data-save-bar]");
    // A form that came back with errors is changed already.
    guarded.set(form, form.hasAttribute("data-changed") ? "" : print(form));
    if (bar) bar.hidden = !form.hasAttribute("data-changed");
  };
  const changed = (form) => guarded.get(form) !== print(form);
  const follow = (event) => {
    const form = event.target.closest?.("form") ?? event.target.form;
    if (!guarded.has(form)) return;
    setTimeout(() => {
      const bar = form.querySelector("[data-save-bar]");
      if (bar) bar.hidden = !changed(form);
    });
  };
  on("input", follow);
  on("change", follow);
  on("reset", follow);
  on("submit", (event) => guarded.delete(event.target));
  on("click", (event) => {
    if (event.target.closest("[data-discard]")) guarded.clear();
  });
  addEventListener("beforeunload", (event) => {
    for (const form of guarded.keys()) if (form.isConnected && changed(form)) event.preventDefault();
  });

  // Selection: the box in the head picks the page, the bar says how many.
  const tellSelection = () => {
    const picks = [...root.querySelectorAll("[name=pick][type=checkbox]")];
    const picked = picks.filter((pick) => pick.checked).length;
    for (const place of root.querySelectorAll("[data-selected]")) place.textContent = picked;
    const page = root.querySelector("[data-select-page]");
    if (page) {
      page.hidden = !picks.length;
      page.checked = picked > 0 && picked === picks.length;
      page.indeterminate = picked > 0 && picked < picks.length;
    }
    const all = root.getElementById("bulk-all");
    if (all && picked < picks.length) all.checked = false;
  };
  on("change", (event) => {
    const isPage = event.target.matches("[data-select-page]");
    if (!isPage && !event.target.matches("[name=pick], [name=all]")) return;
    if (isPage || (event.target.name === "all" && event.target.checked)) {
      const picks = root.querySelectorAll("[name=pick][type=checkbox]");
      for (const pick of picks) pick.checked = event.target.checked;
    }
    tellSelection();
  });
  on("click", (event) => {
    if (!event.target.closest("[data-clear-selection]")) return;
    for (const pick of root.querySelectorAll("[name=pick]")) pick.checked = false;
    tellSelection();
  });

  // Errors come first: focus goes to their summary.
  const start = (part) => {
    tellSelection();
    for (const form of part.querySelectorAll("form[data-guard]")) watch(form);
    part.querySelector("[data-focus]")?.focus();
  };
  if (root.readyState === "loading") on("DOMContentLoaded", () => start(root));
  else start(root);

  // htmx: dim the region that waits, say when it fails, tell what arrived.
  const region = (event) => event.detail.target ?? event.target;
  on("htmx:beforeRequest", (event) => {
    const part = region(event);
    part.querySelector(":scope > [data-trouble]")?.remove();
    event.detail.timer = setTimeout(() => part.setAttribute("aria-busy", "true"), 100);
  });
  on("htmx:afterRequest", (event) => {
    clearTimeout(event.detail.timer);
    region(event).removeAttribute("aria-busy");
  });
  const trouble = (event) => {
    const part = region(event);
    const box = root.getElementById("trouble")?.content.firstElementChild.cloneNode(true);
    if (!box || part.querySelector(":scope > [data-trouble]")) return;
    const busy = event.detail.xhr?.status === 429;
    box.querySelector("[data-text]").textContent = busy ? box.dataset.busy : box.dataset.down;
    box.querySelector("a").href = location.href;
    part.prepend(box);
  };
  on("htmx:responseError", trouble);
  on("htmx:sendError", trouble);
  on("htmx:timeout", trouble);
  on("htmx:afterSwap", (event) => {
    start(event.detail.target);
    const told = event.detail.target.querySelector("[data-say]");
    if (told) say(told.textContent.trim());
    const title = event.detail.xhr?.getResponseHeader("X-Page-Title");
    if (title) root.title = decodeURIComponent(title);
  });
  // Filters apply in place: the menu they were chosen in has done its work.
  on("submit", (event) => {
    if (!event.target.hasAttribute("hx-get")) return;
    for (const menu of root.querySelectorAll(".menu:popover-open")) menu.hidePopover();
  });

  // Columns: a move takes place in the menu; without script the button sends the form.
  on("click", (event) => {
    const button = event.target.closest("[data-movable] [name=move]");
    const item = button?.closest("li");
    if (!item) return;
    event.preventDefault();
    const up = button.value.startsWith("up");
    const other = up ? item.previousElementSibling : item.nextElementSibling;
    if (other) other[up ? "before" : "after"](item);
    button.focus();
  });

  // Keys: "/" goes to the search field, "?" shows the keys, "g" then a letter leads to a page.
  // Never while typing, and not for those who switched them off.
  let going = 0;
  on("keydown", (event) => {
    const typing = event.target.closest("input, select, textarea, [contenteditable], dialog[open]");
    if (typing || "noKeys" in root.body.dataset || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "/") {
      const search = root.querySelector("[type=search]");
      if (!search) return;
      event.preventDefault();
      search.focus();
    } else if (event.key === "?") {
      root.getElementById("shortcuts")?.showModal();
    } else if (event.key === "g") {
      going = event.timeStamp;
    } else if (event.timeStamp - going < 1500) {
      root.querySelector(`.nav [data-key="${CSS.escape(event.key)}"]`)?.click();
      going = 0;
    }
  });
})();
