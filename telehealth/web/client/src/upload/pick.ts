/** What was dropped or chosen, as a flat list of files with the paths that people see. */
export type Picked = { file: File; name: string };

/** Files of a file input; `webkitRelativePath` is set where a folder was chosen. */
export function fromInput(list: FileList | null): Picked[] {
  return Array.from(list ?? [], (file) => ({ file, name: file.webkitRelativePath || file.name }));
}

/** Everything below what was dropped. The entries must be taken before the event ends, so nothing waits before that. */
export async function fromDrop(transfer: DataTransfer): Promise<Picked[]> {
  const entries = Array.from(transfer.items, (item) => item.webkitGetAsEntry()).filter((entry) => entry !== null);
  if (entries.length === 0) return fromInput(transfer.files);
  const found: Picked[] = [];
  for (const entry of entries) await walk(entry, found);
  return found;
}

type HandleSource = DataTransferItem & { getAsFileSystemHandle?: () => Promise<FileSystemHandle | null> };

/** Handles that outlive a reload, where the browser has them. Asked for before the event ends, like the entries. */
export async function handlesOf(transfer: DataTransfer): Promise<FileSystemHandle[]> {
  const asked = Array.from(
    transfer.items,
    (item: HandleSource) => item.getAsFileSystemHandle?.() ?? Promise.resolve(null),
  );
  const given = await Promise.all(asked.map((handle) => handle.catch(() => null)));
  return given.filter((handle) => handle !== null);
}

type Asking = FileSystemHandle & { requestPermission?: (wish: { mode: "read" }) => Promise<PermissionState> };

/** Everything below remembered handles; nothing of those that may not be opened any more. Needs a press of a button. */
export async function fromHandles(handles: readonly FileSystemHandle[]): Promise<Picked[]> {
  const found: Picked[] = [];
  for (const handle of handles) {
    if ((await (handle as Asking).requestPermission?.({ mode: "read" })) !== "granted") continue;
    await open(handle, handle.name, found);
  }
  return found;
}

type Folder = FileSystemDirectoryHandle & { values: () => AsyncIterable<FileSystemHandle> };

async function open(handle: FileSystemHandle, name: string, found: Picked[]): Promise<void> {
  if (handle.kind === "file") {
    found.push({ file: await (handle as FileSystemFileHandle).getFile(), name });
    return;
  }
  for await (const inner of (handle as Folder).values()) await open(inner, `${name}/${inner.name}`, found);
}

async function walk(entry: FileSystemEntry, found: Picked[]): Promise<void> {
  if (isFile(entry)) {
    const file = await new Promise<File>((done, failed) => entry.file(done, failed));
    found.push({ file, name: entry.fullPath.replace(/^\//, "") });
    return;
  }
  for (const inner of await listOf(entry as FileSystemDirectoryEntry)) await walk(inner, found);
}

/** A reader gives at most a hundred entries a call: ask until it gives none. */
async function listOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((done, failed) => reader.readEntries(done, failed));
    if (some.length === 0) return all;
    all.push(...some);
  }
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile;
}

const BESIDES = new Set(["dicomdir", "thumbs.db", ".ds_store", "desktop.ini", "autorun.inf", "lockfile", "version"]);
const PROGRAM = /\.(exe|dll|inf|ini|bat|msi|jar|chm|ico|html?|css|js)$/i;

/** The disc's own viewer and what systems leave behind: not sent at all. The server has the same list (intake/answers.py). */
export function isBesides(name: string): boolean {
  const last = name.split(/[\\/]/).pop() ?? "";
  return BESIDES.has(last.toLowerCase()) || PROGRAM.test(last) || name.split("/").includes("__MACOSX");
}
