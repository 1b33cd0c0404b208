// The cards: posters move while pointed at, and what is pressed is played here or told to the server.
const STILL = matchMedia('(prefers-reduced-motion: reduce)').matches;
const chosen = card => card.querySelector('[data-segment][aria-current=true]') || card.querySelector('[data-segment]');

const choose = (card, segment) => {
  card.querySelectorAll('[data-segment]').forEach(other => other.setAttribute('aria-current', other === segment));
  card.querySelectorAll('[aria-pressed]').forEach(act =>
    act.setAttribute('aria-pressed', act.dataset.act === segment.dataset.mark));
  const cut = card.querySelector('[data-act=cut]'), { start, end } = segment.dataset;
  const of = `${card.dataset.video}:${Number(start).toFixed(2)}-${Number(end).toFixed(2)}`;
  cut.setAttribute('href', `export/clip.mp4?of=${encodeURIComponent(of)}`);
};

const act = (card, button) => {
  const segment = chosen(card), name = button.dataset.act, { start, end } = segment.dataset;
  const told = { video: Number(card.dataset.video), start: Number(start), end: Number(end) };
  if (name === 'save') trigger('save', told);
  if (name === 'use') trigger('use', told);
  if (name !== 'good' && name !== 'bad') return;
  segment.dataset.mark = segment.dataset.mark === name ? '' : name;
  choose(card, segment);
  trigger('mark', { ...told, mark: segment.dataset.mark });
};

element.addEventListener('click', event => {
  const page = event.target.closest('[data-page]');
  if (page) { trigger('turn', { page: Number(page.dataset.page) }); return; }
  const card = event.target.closest('.rs-card');
  if (!card) return;
  const button = event.target.closest('[data-act]');
  if (button) { act(card, button); return; }
  const place = event.target.closest('[data-play]');
  const segment = place ? card.querySelector(`[data-segment="${place.dataset.play}"]`)
    : event.target.closest('[data-segment]') || (event.target.closest('button.rs-poster') && chosen(card));
  if (!segment) return;
  choose(card, segment);
  document.dispatchEvent(new CustomEvent('rs-play', { detail: { card, segment } }));
});

const move = poster => {
  const moving = poster.querySelector('.rs-moving');
  if (STILL || !moving || moving.dataset.shown === moving.dataset.strip) return;
  moving.dataset.shown = moving.dataset.strip;
  const picture = new Image();
  picture.onload = () => { moving.style.backgroundImage = `url("${picture.src}")`; };
  picture.src = moving.dataset.strip;
};
for (const name of ['pointerover', 'focusin']) {
  element.addEventListener(name, event => {
    const poster = event.target.closest('button.rs-poster');
    if (poster) move(poster);
  });
}
