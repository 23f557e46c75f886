/** Of cards, beside what all pages have. */
export const cardStyle = `
:root { --fill: light-dark(#0b57d0, #8ab4f8); --alarm: light-dark(#c5221f, #f28b82) }
h2 { text-transform: none; scroll-margin-top: 1rem }
.state { margin: -.6rem 0 1rem; color: var(--dim) }
.state b { color: light-dark(#1a1d23, #dfe3ea); font-weight: 600 }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9.5rem, 1fr)); gap: .8rem; margin: 1.5rem 0 }
.tile { padding: .8rem 1rem; border: 1px solid var(--line); border-radius: 10px; background: var(--soft) }
.tile b, .tile span, .tile small { display: block } .tile b { font-size: 1.6rem; line-height: 1.25; font-weight: 600 }
.tile span { font-size: .9rem } .tile small { color: var(--dim); font-size: .8rem }
.wide { overflow-x: auto } .wide td:first-child { white-space: normal } thead th { font-weight: 600; font-size: .85rem; color: var(--dim); border-top: 0 }
td { font-variant-numeric: tabular-nums } td:has(.bar) { width: 55%; min-width: 7rem; padding-right: 1rem }
.chosen { font-weight: 600 }
dl { display: grid; grid-template-columns: max-content minmax(0, 1fr); gap: .3rem 1.5rem; font-size: .92rem }
dt { color: var(--dim) } dd { margin: 0; overflow-wrap: anywhere } ul { padding-left: 1.2rem } li { margin: .3rem 0 }
.bar { display: block; width: 100%; height: .8rem; margin: .4rem 0 } .track { fill: var(--soft) } .fill { fill: var(--fill) }
.chart { display: grid; grid-template-columns: 3.4rem minmax(0, 1fr); column-gap: .5rem; margin: 1rem 0 }
.chart.square { max-width: 26rem } .chart svg { width: 100%; overflow: visible }
.chart figcaption { grid-column: 1 / 3; font-size: .85rem; color: var(--dim); margin-bottom: .7rem }
.chart .y, .chart .plot { height: 15rem } .chart.square .y, .chart.square .plot { height: 20rem }
.chart .x { grid-column: 2; height: 1.4rem } .chart .under { grid-column: 2; margin: .3rem 0 0; text-align: center }
.chart text, .chart .under { font: .78rem system-ui, sans-serif; fill: var(--dim); color: var(--dim) } .chart .y text { text-anchor: end }
.chart path, .chart line { vector-effect: non-scaling-stroke; fill: none } .key path { fill: none }
.grid { stroke: var(--line) } .diagonal { stroke: var(--dim); stroke-dasharray: 4 4 }
.past { stroke: light-dark(#3c4350, #b6bdc9); stroke-width: 1.3 } .ahead { stroke: var(--fill); stroke-width: 2 }
.chart path.of80, .key path.of80 { fill: var(--fill); opacity: .22 } .chart path.of95, .key path.of95 { fill: var(--fill); opacity: .12 }
.chart path.envelope { fill: light-dark(#8b93a1, #7a8393); stroke: light-dark(#8b93a1, #7a8393) }
.alarm { fill: var(--alarm); opacity: .45 } .dot { fill: var(--fill); opacity: .85 }
.key { display: flex; flex-wrap: wrap; gap: .3rem 1.3rem; font-size: .85rem; color: var(--dim); margin: 0 }
.key svg { width: 1.4rem; height: .7rem; margin-right: .4rem }
@media (max-width: 50rem) { nav b, nav a + a, nav b ~ a, .chart .x text:nth-child(even) { display: none } nav { padding: 1.2rem 0 0 } main { padding-top: 1rem } dl { grid-template-columns: 1fr; gap: 0 } dd { margin-bottom: .5rem } }
@media print { nav { display: none } .page { display: block } }
`
