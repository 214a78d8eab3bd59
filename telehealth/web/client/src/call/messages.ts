/** Made from signaling/messages.py by `python -m signaling.typescript`: do not edit. */

export type Role = "host" | "colleague" | "patient" | "relative" | "interpreter" | "guest";

export type Source = "microphone" | "camera" | "screen";

export type SdpType = "offer" | "answer" | "pranswer" | "rollback";

export type MediaPath = "peer" | "engine";

export type Connection = "publish" | "subscribe";

export type Reason =
  | "not_admitted"
  | "not_host"
  | "nobody_there"
  | "full"
  | "screen_taken"
  | "no_engine"
  | "engine_busy";

export type Farewell = "ended" | "denied" | "hung_up" | "replaced" | "removed" | "locked";

export type Stream = {
  mid: string;
  source: Source;
};

export type Hello = {
  kind: "hello";
  ticket: string;
  line: string | null;
};

export type Admit = {
  kind: "admit";
  account: string;
};

export type Deny = {
  kind: "deny";
  account: string;
};

export type Remove = {
  kind: "remove";
  account: string;
};

export type AskMute = {
  kind: "ask_mute";
  account: string;
};

export type Lock = {
  kind: "lock";
  locked: boolean;
};

export type Note = {
  kind: "note";
  to: string | null;
  text: string;
};

export type Describe = {
  kind: "describe";
  to: string;
  type: SdpType;
  sdp: string;
};

export type Candidate = {
  kind: "candidate";
  to: string;
  candidate: string;
  mid: string | null;
  index: number | null;
  fragment: string | null;
};

export type Publish = {
  kind: "publish";
  sdp: string;
  streams: Stream[];
};

export type Wanted = {
  line: string;
  source: Source;
};

export type Subscribe = {
  kind: "subscribe";
  streams: Wanted[];
};

export type Accept = {
  kind: "accept";
  sdp: string;
};

export type Layer = {
  mid: string;
  layer: number | null;
};

export type Layers = {
  kind: "layers";
  layers: Layer[];
};

export type Trickle = {
  kind: "trickle";
  connection: Connection;
  candidate: string | null;
  mid: string | null;
  index: number | null;
};

export type Devices = {
  kind: "devices";
  microphone: boolean;
  camera: boolean;
};

export type Hand = {
  kind: "hand";
  raised: boolean;
};

export type Screen = {
  kind: "screen";
  on: boolean;
};

export type MediaState = {
  kind: "media";
  connected: boolean;
  mode: "video" | "audio";
};

export type Phone = {
  kind: "phone";
  on: boolean;
};

export type Say = {
  kind: "say";
  text: string;
};

export type ShareFile = {
  kind: "share_file";
  document: string;
  name: string;
};

export type Leave = {
  kind: "leave";
};

export type End = {
  kind: "end";
};

export type Pong = {
  kind: "pong";
};

export type Line = {
  id: string;
  account: string;
  name: string;
  text: string;
  at: string;
  document: string | null;
};

export type SeatFacts = {
  account: string;
  name: string;
  role: Role;
  line: string;
  admitted: boolean;
  present: boolean;
  microphone: boolean;
  camera: boolean;
  screen: boolean;
  hand_at: string | null;
  mode: "video" | "audio";
  streams: Source[];
};

export type Welcome = {
  kind: "welcome";
  account: string;
  role: Role;
  line: string;
  resumed: boolean;
  ticket: string;
  chat: Line[];
};

export type Renewed = {
  kind: "renewed";
  ticket: string;
};

export type RoomFacts = {
  kind: "room";
  admitted: boolean;
  place: number;
  expected_at: string | null;
  host_here: boolean;
  full: boolean;
  locked: boolean;
  emergency: boolean;
  phone: boolean;
  media: MediaPath;
  epoch: number;
  seats: SeatFacts[];
};

export type Described = {
  kind: "described";
  sender: string;
  type: SdpType;
  sdp: string;
};

export type Candidated = {
  kind: "candidated";
  sender: string;
  candidate: string;
  mid: string | null;
  index: number | null;
  fragment: string | null;
};

export type Published = {
  kind: "published";
  sdp: string;
};

export type Received = {
  mid: string;
  line: string;
  source: Source;
};

export type Offered = {
  kind: "offered";
  sdp: string;
  streams: Received[];
};

export type Trickled = {
  kind: "trickled";
  connection: Connection;
  candidate: string | null;
  mid: string | null;
  index: number | null;
};

export type Said = {
  kind: "said";
  line: Line;
};

export type Noted = {
  kind: "noted";
  to: string | null;
  line: Line;
};

export type AskedMute = {
  kind: "asked_mute";
};

export type Refused = {
  kind: "refused";
  reason: Reason;
};

export type Goodbye = {
  kind: "goodbye";
  reason: Farewell;
};

export type Ping = {
  kind: "ping";
  every_ms: number;
};

export type PageFrame = {
  number: number;
  seen: number;
  message: FromPage;
};

export type RoomFrame = {
  number: number;
  seen: number;
  message: FromRoom;
};

export type FromPage =
  | Hello
  | Admit
  | Deny
  | Remove
  | AskMute
  | Lock
  | Note
  | Describe
  | Candidate
  | Publish
  | Subscribe
  | Accept
  | Layers
  | Trickle
  | Devices
  | Hand
  | Screen
  | MediaState
  | Phone
  | Say
  | ShareFile
  | Leave
  | End
  | Pong;

export type FromRoom =
  | Welcome
  | Renewed
  | RoomFacts
  | Described
  | Candidated
  | Published
  | Offered
  | Trickled
  | Said
  | Noted
  | AskedMute
  | Refused
  | Goodbye
  | Ping;

export const CHAT_CHARACTERS = 2000;
