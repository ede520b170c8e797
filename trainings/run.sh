#!/bin/sh
# The trainings whose results lie here: sh trainings/run.sh CIFAR10 OUT, where CIFAR10 holds train/ and test/.
# About 11 minutes for each small ResNet on two cores with bf16, 5 for VGG; on one core 13 for a plain network of 3 × 3
# kernels, 24 for one of 5 × 5, and 25 for six epochs at 64 pixels.
set -e
export PYTHONPATH=trainings
train() { name=$1; shift; fechner train "$images" --accelerator cpu --precision bf16-mixed --out "$out/$name" "$@"; }
images=$1 out=$2

train resnet-upright-0 --arch resnet18_small
train resnet-45-0 --arch resnet18_small --rotation 45
train resnet-upright-1 --arch resnet18_small --seed 1
train resnet-45-1 --arch resnet18_small --rotation 45 --seed 1
train resnet-upright-2 --arch resnet18_small --seed 2
train resnet-45-2 --arch resnet18_small --rotation 45 --seed 2
train resnet-hue90-0 --arch resnet18_small --hue 90 --record hue
train resnet-22-0 --arch resnet18_small --rotation 22.5
train vgg-upright-0 --arch vgg16_bn_small
train vgg-45-0 --arch vgg16_bn_small --rotation 45
train vgg-upright-1 --arch vgg16_bn_small --seed 1
train vgg-45-1 --arch vgg16_bn_small --rotation 45 --seed 1
train plain3-upright-0 --arch plain:kernels_of_3
train plain3-45-0 --arch plain:kernels_of_3 --rotation 45
train plain3-upright-1 --arch plain:kernels_of_3 --seed 1
train plain3-45-1 --arch plain:kernels_of_3 --rotation 45 --seed 1
train plain3-unmirrored-upright-0 --arch plain:kernels_of_3 --no-mirror
train plain3-unmirrored-45-0 --arch plain:kernels_of_3 --rotation 45 --no-mirror
train plain5-upright-0 --arch plain:kernels_of_5
train plain5-45-0 --arch plain:kernels_of_5 --rotation 45
train plain5-upright-1 --arch plain:kernels_of_5 --seed 1
train plain5-45-1 --arch plain:kernels_of_5 --rotation 45 --seed 1
train plain3-64-upright-0 --arch plain:kernels_of_3 --epochs 6 --size 64
train plain3-64-45-0 --arch plain:kernels_of_3 --epochs 6 --size 64 --rotation 45
train plain3-short-upright-0 --arch plain:kernels_of_3 --epochs 6
train plain3-short-45-0 --arch plain:kernels_of_3 --epochs 6 --rotation 45

# The hue curves of the upright network, which recorded orientation.
fechner sensitivity resnet18_small --weights "$out/resnet-upright-0/last.ckpt" --stimulus hue-hsv --along hue --values 36 \
    --average saturation=0.5,0.7,0.9 --average value=0.5,0.7,0.9 --set size=32 --out "$out/resnet-upright-0-hue.nc"

python trainings/collect.py "$out"/*/training.nc "$out"/*.nc
