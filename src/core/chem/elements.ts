/** Symbols of the elements by atomic number; 0 is a dummy atom. */
export const SYMBOLS: readonly string[] = (
  '* H He Li Be B C N O F Ne Na Mg Al Si P S Cl Ar K Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge As Se Br Kr Rb Sr Y Zr Nb Mo Tc Ru Rh Pd Ag Cd '
  + 'In Sn Sb Te I Xe Cs Ba La Ce Pr Nd Pm Sm Eu Gd Tb Dy Ho Er Tm Yb Lu Hf Ta W Re Os Ir Pt Au Hg Tl Pb Bi Po At Rn Fr Ra Ac Th Pa U Np Pu '
  + 'Am Cm Bk Cf Es Fm Md No Lr Rf Db Sg Bh Hs Mt Ds Rg Cn Nh Fl Mc Lv Ts Og'
).split(' ');

const NUMBERS: ReadonlyMap<string, number> = new Map([
  ...SYMBOLS.map((symbol, number) => [symbol.toUpperCase(), number] as const), ['D', 1], ['T', 1],
]);

/** The atomic number of a symbol in any case (deuterium and tritium are hydrogen); undefined where there is no such element. */
export const atomicNumber = (symbol: string): number | undefined => NUMBERS.get(symbol.toUpperCase());

/** Covalent radii in Å by atomic number from 1 (Cordero et al. 2008; for Mn, Fe and Co the low-spin values). */
const COVALENT = [
  0.31, 0.28, 1.28, 0.96, 0.84, 0.76, 0.71, 0.66, 0.57, 0.58, 1.66, 1.41, 1.21, 1.11, 1.07, 1.05, 1.02, 1.06, 2.03,
  1.76, 1.7, 1.6, 1.53, 1.39, 1.39, 1.32, 1.26, 1.24, 1.32, 1.22, 1.22, 1.2, 1.19, 1.2, 1.2, 1.16, 2.2, 1.95, 1.9, 1.75,
  1.64, 1.54, 1.47, 1.46, 1.42, 1.39, 1.45, 1.44, 1.42, 1.39, 1.39, 1.38, 1.39, 1.4,
];

/** Å; 1.5 for elements beyond xenon. */
export const covalentRadius = (element: number): number => COVALENT[element - 1] ?? 1.5;

/** Van der Waals radii in Å (Bondi 1964; hydrogen of Rowland & Taylor 1996). */
const VAN_DER_WAALS: Readonly<Record<number, number>> = {
  1: 1.1, 2: 1.4, 3: 1.82, 5: 1.92, 6: 1.7, 7: 1.55, 8: 1.52, 9: 1.47, 10: 1.54, 11: 2.27, 12: 1.73, 14: 2.1, 15: 1.8, 16: 1.8,
  17: 1.75, 18: 1.88, 19: 2.75, 20: 2.31, 30: 1.39, 33: 1.85, 34: 1.9, 35: 1.85, 36: 2.02, 53: 1.98, 54: 2.16,
};

/** Å; 2 where Bondi has none. */
export const vanDerWaalsRadius = (element: number): number => VAN_DER_WAALS[element] ?? 2;

/** Usual valences of the uncharged main-group elements, ascending; none for metals. */
const VALENCES: Readonly<Record<number, readonly number[]>> = {
  1: [1], 5: [3], 6: [4], 7: [3], 8: [2], 9: [1], 14: [4], 15: [3, 5], 16: [2, 4, 6], 17: [1], 33: [3, 5], 34: [2, 4, 6], 35: [1],
  53: [1, 3, 5],
};

/**
 * Hydrogens that an atom has beside its bonds of total order `used`: a charged atom has the valence of its neutral neighbour in
 * the periodic table (N+ that of C, O- that of F).
 */
export function impliedHydrogens(element: number, charge: number, used: number): number {
  // The neighbour of a period's first elements is in the same period, so the rule is one of counting electrons.
  const valences = charge === 0 || element === 1 ? VALENCES[element] : VALENCES[element - charge];
  if (!valences || (element === 1 && charge !== 0)) return 0;
  return Math.max(0, (valences.find((valence) => valence >= used) ?? 0) - used);
}
