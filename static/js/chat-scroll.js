// The reader's place: at the end it stays there while words come; anywhere else nothing moves under their eyes.
const NEAR = 48;

export function startScroll(root) {
  const box = root.querySelector("[data-scroll]");
  const down = root.querySelector("[data-down]");
  let follows = true;
  let last = box.scrollTop;

  const left = () => box.scrollHeight - box.scrollTop - box.clientHeight;
  const show = () => { down.hidden = follows || left() < NEAR; };
  const toEnd = () => {
    follows = true;
    box.scrollTop = box.scrollHeight;
    show();
  };
  box.addEventListener("scroll", () => {
    const goesUp = box.scrollTop < last - 1;
    last = box.scrollTop;
    follows = goesUp ? follows && left() < 4 : follows || left() < NEAR;
    show();
  }, { passive: true });
  box.addEventListener("wheel", (event) => { if (event.deltaY < 0 && box.scrollHeight > box.clientHeight) follows = false; }, { passive: true });
  down.addEventListener("click", toEnd);
  const watch = new ResizeObserver(() => {
    if (follows) box.scrollTop = box.scrollHeight;
    last = box.scrollTop;
    show();
  });
  watch.observe(box.firstElementChild);
  watch.observe(box);
  return {
    box,
    toEnd,
    // Do something that changes what stands above a node; the node stays where it is.
    hold(node, act) {
      const before = node?.getBoundingClientRect().top;
      act();
      if (node?.isConnected) box.scrollTop += node.getBoundingClientRect().top - before;
      last = box.scrollTop;
    },
  };
}
