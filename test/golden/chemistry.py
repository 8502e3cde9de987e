"""Molecules as RDKit sees them: writes chemistry.json. pip install rdkit; python3 test/golden/chemistry.py"""
import json
import math
import pathlib

import numpy as np
from rdkit import Chem, rdBase
from rdkit.Chem import AllChem, Descriptors, rdMolAlign

SMILES = {
    'ibuprofen': 'CC(C)Cc1ccc(cc1)C(C)C(=O)O',
    'caffeine': 'Cn1cnc2c1c(=O)n(C)c(=O)n2C',
    'alanine zwitterion': 'C[C@H]([NH3+])C(=O)[O-]',
    'naphthalene': 'c1ccc2ccccc2c1',
    'adenosine monophosphate': 'Nc1ncnc2c1ncn2[C@@H]1O[C@H](COP(=O)([O-])[O-])[C@@H](O)[C@H]1O',
    'p-xylene': 'Cc1ccc(C)cc1',
    'cubane': 'C12C3C4C1C5C2C3C45',
    'but-2-yne-1,4-diol': 'OCC#CCO',
    'N-methylhexanamide': 'CCCCCC(=O)NC',
    'tri-tert-butylbenzene': 'CC(C)(C)c1cc(cc(c1)C(C)(C)C)C(C)(C)C',
    'thiophene sulfonamide': 'NS(=O)(=O)c1cccs1',
    'imatinib core': 'Cc1ccc(NC(=O)c2ccccc2)cc1Nc1nccc(n1)-c1cccnc1',
}


def graph_automorphisms(mol):
    """Maps of the heavy-atom graph onto itself that keep elements, whatever the bond orders."""
    bare = Chem.RWMol()
    for atom in mol.GetAtoms():
        bare.AddAtom(Chem.AtomFromSmarts(f'[#{atom.GetAtomicNum()}]'))
    for bond in mol.GetBonds():
        bare.AddBond(bond.GetBeginAtomIdx(), bond.GetEndAtomIdx(), Chem.BondType.UNSPECIFIED)
    params = Chem.AdjustQueryParameters.NoAdjustments()
    params.makeBondsGeneric = True
    query = Chem.AdjustQueryProperties(bare.GetMol(), params)
    return mol.GetSubstructMatches(query, uniquify=False, maxMatches=100000)


def least_rmsd(maps, a, b):
    return min(math.sqrt(np.mean(np.sum((a - b[list(m)]) ** 2, axis=1))) for m in maps)


out = {'rdkit': rdBase.rdkitVersion, 'molecules': []}
for name, smiles in SMILES.items():
    full = Chem.AddHs(Chem.MolFromSmiles(smiles))
    AllChem.EmbedMolecule(full, randomSeed=7)
    full.SetProp('_Name', name)
    Chem.AssignStereochemistryFrom3D(full)
    mol = Chem.RemoveHs(full)
    maps = graph_automorphisms(mol)
    place = mol.GetConformer().GetPositions()
    moved = place[list(maps[-1])] + np.random.default_rng(0).normal(size=place.shape) * 0.1
    rings = mol.GetRingInfo().AtomRings()
    out['molecules'].append({
        'name': name, 'block': Chem.MolToMolBlock(full),
        **({'v3000': Chem.MolToV3KMolBlock(full)} if 'adenosine' in name else {}),
        'elements': [a.GetAtomicNum() for a in mol.GetAtoms()],
        'charges': [a.GetFormalCharge() for a in mol.GetAtoms()],
        'hydrogens': [a.GetTotalNumHs() for a in mol.GetAtoms()],
        'aromatic': [int(a.GetIsAromatic()) for a in mol.GetAtoms()],
        'ringSizes': [sorted(len(r) for r in rings if i in r) for i in range(mol.GetNumAtoms())],
        'centers': [int(a.HasProp('_CIPCode')) for a in mol.GetAtoms()],
        'automorphisms': len(maps),
        'strict': Descriptors.NumRotatableBonds(mol),
        'moved': np.round(moved, 6).tolist(), 'rmsd': least_rmsd(maps, np.round(moved, 6), place),
    })
pathlib.Path(__file__).with_suffix('.json').write_text(json.dumps(out, separators=(',', ':')) + '\n')
for m in out['molecules']:
    print(m['name'], m['automorphisms'], m['strict'], round(m['rmsd'], 4))
