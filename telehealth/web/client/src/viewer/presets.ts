/** Windows of computed tomography, in Hounsfield units. */

export type Preset = { id: string; label: string; centre: number; width: number };

/** Keys 1 to 6 choose them in this order; `label` is a key of the page's texts. */
export const CT_PRESETS: readonly Preset[] = [
  { id: "abdomen", label: "Abdomen", centre: 50, width: 400 },
  { id: "lung", label: "Lung", centre: -600, width: 1500 },
  { id: "mediastinum", label: "Mediastinum", centre: 40, width: 350 },
  { id: "bone", label: "Bone", centre: 400, width: 1800 },
  { id: "brain", label: "Brain", centre: 40, width: 80 },
  { id: "liver", label: "Liver", centre: 60, width: 160 },
];

export const rangeOf = ({ centre, width }: { centre: number; width: number }) => ({
  lower: centre - width / 2,
  upper: centre + width / 2,
});

export const windowOf = ({ lower, upper }: { lower: number; upper: number }) => ({
  centre: (lower + upper) / 2,
  width: upper - lower,
});
