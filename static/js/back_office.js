// Boxes in which a row is looked up get the name of their field: Select2 gives them none.
(() => {
  const name = (container) => {
    const select = container.previousElementSibling;
    const box = container.querySelector(".select2-selection");
    const label = select?.id && document.querySelector(`label[for="${select.id}"]`);
    if (!box || !label) return;
    label.id ||= `${select.id}-label`;
    const shown = box.querySelector(".select2-selection__rendered");
    box.setAttribute("aria-labelledby", `${label.id} ${shown?.id ?? ""}`.trim());
    shown?.setAttribute("aria-labelledby", label.id);
  };
  const nameAll = () => document.querySelectorAll(".select2-container").forEach(name);
  // They are made when the page is ready, sometimes twice, and with each new row.
  new MutationObserver(nameAll).observe(document.body, { childList: true, subtree: true });
  nameAll();
})();
