// The saved moments: played here, searched with or removed by the server.
element.addEventListener('click', event => {
  const card = event.target.closest('.rs-kept');
  if (!card) return;
  const segment = card.querySelector('[data-segment]'), act = event.target.closest('[data-act]');
  const told = { video: Number(card.dataset.video), start: Number(segment.dataset.start), end: Number(segment.dataset.end) };
  if (!act) { document.dispatchEvent(new CustomEvent('rs-play', { detail: { card, segment } })); return; }
  if (act.dataset.act === 'use') trigger('use', told);
  if (act.dataset.act === 'drop') trigger('drop', told);
});
