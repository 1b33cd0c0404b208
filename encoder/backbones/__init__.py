"""Networks that map (B, 3, T, H, W) clips to feature maps whose cells lie at known places of the clip."""

from encoder.backbones.efficientnet import EfficientNetLite0
from encoder.backbones.lattice import Backbone, Maps
from encoder.backbones.resnet3d import R3D18, R2Plus1D18
from encoder.backbones.s3d import S3D
from encoder.backbones.tsm import TSM, shift
from encoder.backbones.weights import WeightsError, load_imagenet_weights, load_public_weights

__all__ = [
    "R3D18",
    "S3D",
    "TSM",
    "Backbone",
    "EfficientNetLite0",
    "Maps",
    "R2Plus1D18",
    "WeightsError",
    "load_imagenet_weights",
    "load_public_weights",
    "shift",
]
