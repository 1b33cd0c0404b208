const told = link => {
    const name = element.querySelector('.rs-map-name');
    if (name && link) name.textContent = link.dataset.name;
};
element.addEventListener('pointerover', event => told(event.target.closest('.rs-map a')));
element.addEventListener('focusin', event => told(event.target.closest('.rs-map a')));
element.addEventListener('keydown', event => {
    const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const way = ways[event.key], from = event.target.closest('.rs-map a');
    if (!way || !from) return;
    event.preventDefault();
    const place = link => [link.offsetLeft, link.offsetTop], [x, y] = place(from);
    let nearest = null, least = Infinity;
    for (const link of element.querySelectorAll('.rs-map a')) {
        const [dx, dy] = [place(link)[0] - x, place(link)[1] - y];
        const ahead = dx * way[0] + dy * way[1], aside = Math.abs(dx * way[1]) + Math.abs(dy * way[0]);
        if (ahead > 0 && ahead + 2 * aside < least) { nearest = link; least = ahead + 2 * aside; }
    }
    if (!nearest) return;
    from.tabIndex = -1;
    nearest.tabIndex = 0;
    nearest.focus();
});
