"""How the binder of pictures, sounds and IMU is made, measured and described."""
