#!/bin/sh
# The trainings whose results lie here: sh trainings/run.sh CIFAR10 OUT, where CIFAR10 holds train/ and test/.
# About 11 minutes for each small ResNet on two cores with bf16, 5 for VGG, 30 and more for the transformer.
set -e
export PYTHONPATH=trainings
train() { name=$1; shift; fechner train "$images" --accelerator cpu --precision bf16-mixed --out "$out/$name" "$@"; }
images=$1 out=$2

train resnet-upright-0 --arch resnet18_small
train resnet-45-0 --arch resnet18_small --rotation 45
train resnet-upright-1 --arch resnet18_small --seed 1
train resnet-45-1 --arch resnet18_small --rotation 45 --seed 1
train resnet-hue90-0 --arch resnet18_small --hue 90 --record hue
train resnet-22-0 --arch resnet18_small --rotation 22.5
train vgg-upright-0 --arch vgg16_bn_small
train vgg-45-0 --arch vgg16_bn_small --rotation 45
train plain3-upright-0 --arch plain:kernels_of_3
train plain3-45-0 --arch plain:kernels_of_3 --rotation 45

# The hue curves of the upright network, which recorded orientation.
fechner sensitivity resnet18_small --weights "$out/resnet-upright-0/last.ckpt" --stimulus hue-hsv --along hue --values 36 \
    --average saturation=0.5,0.7,0.9 --average value=0.5,0.7,0.9 --set size=32 --out "$out/resnet-upright-0-hue.nc"
fechner statistics "$images/train" --feature hue --set values=72 --bootstraps 200 --out "$out/cifar10-hue-density.nc"
fechner statistics "$images/train" --feature orientation --set values=36 --set scales=1 --bootstraps 200 \
    --out "$out/cifar10-orientation-density.nc"

python trainings/collect.py "$out"/*/training.nc "$out"/*.nc
