from django.urls import path

from pages import views

urlpatterns = [
    path("", views.home),
    path("about", views.about),
    path("healthz", views.healthz),
]
