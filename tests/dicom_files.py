"""DICOM files of a few pixels, in every form that a test needs."""

import struct
from pathlib import Path

import numpy as np
import pytest


def dicom(path: Path, pixels: np.ndarray, **attributes: object) -> Path:
    """Write a DICOM file, uncompressed explicit VR little endian unless `syntax` says otherwise."""
    pydicom = pytest.importorskip("pydicom")
    from pydicom.dataset import FileMetaDataset
    from pydicom.uid import ExplicitVRLittleEndian

    dataset = pydicom.Dataset()
    dataset.file_meta = FileMetaDataset()
    syntax = attributes.pop("syntax", ExplicitVRLittleEndian)
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    dataset.file_meta.MediaStorageSOPInstanceUID = "1.2.3"
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", "1.2.3"
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.Rows, dataset.Columns = pixels.shape[-2:]
    dataset.SamplesPerPixel = 1
    dataset.BitsAllocated = dataset.BitsStored = pixels.itemsize * 8
    dataset.HighBit = dataset.BitsStored - 1
    dataset.PixelRepresentation = int(pixels.dtype.kind == "i")
    codestream = attributes.pop("codestream", None)
    for name, value in attributes.items():
        setattr(dataset, name, value)
    if codestream is not None:
        from pydicom.encaps import encapsulate

        dataset.add_new("PixelData", "OB", encapsulate([codestream]))
        dataset["PixelData"].is_undefined_length = True
    else:
        big = not syntax.is_little_endian
        data = (pixels.byteswap() if big else pixels).tobytes()
        dataset.add_new("PixelData", "OW", data + b"\0" * (len(data) % 2))
    dataset.save_as(path, enforce_file_format=True)
    return path


def lossless_jpeg(pixels: np.ndarray, bits: int) -> bytes:
    """JPEG Lossless, process 14, selection value 1, as radiography sends it (ITU-T T.81, H)."""
    values = pixels.astype(int)
    predicted = np.full_like(values, 2 ** (bits - 1))
    predicted[:, 1:] = values[:, :-1]
    predicted[1:, 0] = values[:-1, 0]
    bitstream = ""
    for difference in (values - predicted).ravel().tolist():
        size = abs(difference).bit_length()
        extra = difference if difference >= 0 else difference + 2**size - 1
        # every size's code has 5 bits and is its own number
        bitstream += f"{size:05b}" + (f"{extra:0{size}b}" if size else "")
    bitstream += "1" * (-len(bitstream) % 8)
    scan = int(bitstream, 2).to_bytes(len(bitstream) // 8, "big").replace(b"\xff", b"\xff\0")
    height, width = pixels.shape
    frame = struct.pack(">HBHHBBBB", 11, bits, height, width, 1, 1, 0x11, 0)
    codes = struct.pack(">HB", 19 + 17, 0) + bytes([0] * 4 + [17] + [0] * 11) + bytes(range(17))
    start = struct.pack(">HBBBBBB", 8, 1, 1, 0, 1, 0, 0)
    return (
        b"\xff\xd8\xff\xc3" + frame + b"\xff\xc4" + codes + b"\xff\xda" + start + scan + b"\xff\xd9"
    )
