/** Every page: the look, dialogs, forms that leave once; htmx only where a page asks for it (37 kB). */
import "../base/style.css";
import { listenForDialogs } from "../base/dialogs";
import { followLive } from "../base/live";
import { sendOnce } from "../base/submits";

listenForDialogs(document);
sendOnce(document);
followLive(document);
if (document.querySelector("[hx-get], [hx-post], [hx-put], [hx-patch], [hx-delete]")) void import("htmx.org");
