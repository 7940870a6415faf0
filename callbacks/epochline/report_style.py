"""How a report looks, on light and dark screens and on paper.

The colours are those of the panel: text has a contrast of at least 4.5, lines that carry meaning of
at least 3, and no meaning is carried by colour alone.
"""

from __future__ import annotations

from typing import Final

__all__ = ["STYLE"]

STYLE: Final = """
:root{color-scheme:light dark;--bg:#fff;--fg:#1d2129;--muted:#565e6b;--line:#e0e3e8;--soft:#f6f7f9;
--train:#7a8494;--validation:#0b57d0;--rate:#146c2e;--stop:#b3261e;--back:#7a4b00;--best:#b26a00}
@media(prefers-color-scheme:dark){:root{--bg:#202124;--fg:#f2f2f2;--muted:#bdc1c7;--line:#4a4b4d;
--soft:#2b2c2f;--train:#9aa3b0;--validation:#8ab4f8;--rate:#8fd8a0;--stop:#ffb4ab;--back:#fcd27a;
--best:#fcd27a}}
@media print{.scroll{overflow:visible!important;max-height:none!important}}
*{box-sizing:border-box}
body{margin:0;background:var(--bg);color:var(--fg);font:14px/1.5 system-ui,-apple-system,"Segoe UI",
Roboto,sans-serif;font-variant-numeric:tabular-nums}
main{max-width:1100px;margin:0 auto;padding:32px 24px 64px}
h1{margin:0 0 8px;font-size:26px;line-height:1.25;overflow-wrap:anywhere}
h2{margin:36px 0 10px;font-size:18px}
p{margin:0 0 12px;overflow-wrap:anywhere}
dl,dd,figure{margin:0}
.facts{display:flex;flex-wrap:wrap;gap:10px 32px}
.facts dt,.key,.epoch,.gone,figcaption+svg text{color:var(--muted)}
.facts dt,.key{font-size:12px}
.facts dd{font-weight:600;overflow-wrap:anywhere}
.sample{display:inline-block;width:22px;margin:0 6px 4px 8px;border-top:2px solid var(--validation)}
.sample.train{border-top:2px dashed var(--train)}
.sample:first-child{margin-left:0}
figure{margin:0 0 18px}
figcaption{font-weight:600;overflow-wrap:anywhere}
svg{display:block;width:100%;height:auto;overflow:visible}
text{fill:var(--muted);font-size:11px}
.x{text-anchor:middle}
.y{text-anchor:end}
.grid{stroke:var(--line);fill:none}
.line{fill:none;stroke-width:1.75;stroke-linejoin:round;stroke-linecap:round}
.line.train{stroke:var(--train);stroke-dasharray:5 4;stroke-width:1.4}
.line.validation{stroke:var(--validation)}
.line.rate{stroke:var(--rate)}
.line.left{opacity:.4}
.rule{fill:none;stroke-width:1.25}
.rule.cut{stroke:var(--rate);stroke-dasharray:2 3}
.rule.stop{stroke:var(--stop)}
.rule.restored{stroke:var(--back);stroke-dasharray:7 4}
.mark{stroke:var(--bg);stroke-width:1.5;fill:var(--validation)}
.mark.gone{fill:var(--bg);stroke:var(--validation);opacity:.75}
.mark.best{fill:var(--best)}
.mark.cut{fill:var(--rate)}
.story{margin:0;padding:0;list-style:none}
.story li{display:grid;grid-template-columns:92px minmax(0,1fr);gap:8px;
padding:5px 0;border-bottom:1px solid var(--line);overflow-wrap:anywhere}
.scroll{max-height:640px;overflow:auto;border:1px solid var(--line);border-radius:6px}
.scroll:focus-visible{outline:2px solid var(--validation)}
table{width:100%;border-collapse:collapse;font-size:13px}
th,td{padding:5px 10px;text-align:left;vertical-align:top;white-space:nowrap}
thead th{position:sticky;top:0;background:var(--soft)}
tbody tr{border-top:1px solid var(--line)}
.n{text-align:right;font-weight:400}
thead .n{font-weight:600}
.long{min-width:300px;max-width:420px;white-space:normal;overflow-wrap:anywhere}
@media(max-width:600px){main{padding:20px 14px 40px}text{font-size:20px}}
""".replace("\n", "")
