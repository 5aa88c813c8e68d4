// What every page has. Each module is one behaviour, keyed on data- attributes; docs/pages.md lists them.
import "./confirm.js";
import "./copy.js";
import "./filters.js";
import "./live.js";
import "./menus.js";
import "./moments.js";
import "./problems.js";
import "./tabs.js";
import "./theme.js";
import "./once.js"; // last: what another one sends by itself is not sent by the form

document.documentElement.classList.add("with-scripts");
