"use strict";
// Two pictures over each other: the slider, or the pointer on them, says where one ends.
for (const compare of document.querySelectorAll(".compare")) {
  const stack = compare.querySelector(".stack");
  const slider = compare.querySelector("input");
  const move = () => stack.style.setProperty("--cut", `${slider.value}%`);
  slider.addEventListener("input", move);
  move();
  for (const select of compare.querySelectorAll("select")) {
    const picture = stack.querySelector(`.${select.dataset.side}`);
    const show = () => {
      picture.src = document.getElementById(select.value).src;
      picture.alt = `${select.dataset.side}: ${select.selectedOptions[0].textContent}`;
    };
    select.addEventListener("change", show);
    show();
  }
  const follow = (event) => {
    const box = stack.getBoundingClientRect();
    slider.value = (100 * (event.clientX - box.left)) / box.width;
    move();
  };
  stack.addEventListener("pointerdown", (event) => {
    stack.setPointerCapture(event.pointerId);
    follow(event);
  });
  stack.addEventListener("pointermove", (event) => event.buttons && follow(event));
}
