#!/usr/bin/env python3
"""A Parquet file by another writer than byo's reader: five rows with missing values, every column compressed in another way -> table.parquet.

    python3 test/golden/parquet.py          (needs pyarrow)
"""

import pathlib

import pyarrow
import pyarrow.parquet


def main():
    table = pyarrow.table({
        'height': pyarrow.array([1.5, None, float('nan'), -2.25, 1e-3], pyarrow.float64()),
        'count': pyarrow.array([1, 2, None, 2 ** 40, -5], pyarrow.int64()),
        'small': pyarrow.array([1, 0, 7, None, 3], pyarrow.int8()),
        'colour': pyarrow.array(['red', 'blue', None, 'red', '?'], pyarrow.string()).dictionary_encode(),
        'open': pyarrow.array([True, False, None, True, False], pyarrow.bool_()),
        'kind': pyarrow.array(['b', 'a', 'a', 'b', 'a'], pyarrow.string()),
    })
    codecs = {'height': 'snappy', 'count': 'zstd', 'small': 'gzip', 'colour': 'brotli', 'open': 'none', 'kind': 'lz4'}
    pyarrow.parquet.write_table(table, pathlib.Path(__file__).with_name('table.parquet'), compression=codecs, row_group_size=3)


if __name__ == '__main__':
    main()
